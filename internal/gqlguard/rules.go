package gqlguard

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// strictRules are the specification's validation rules with four changes. Rules that suggest names
// are replaced, because suggestions show the schema to clients that may not read it; gqlgen's own
// switch covers two rules of five. The rule about overlapping fields is replaced by a cheap one.
// Two rules that gqlparser lacks are added.
func strictRules() *rules.Rules {
	all := rules.NewDefaultRules()
	for suggesting, silent := range map[string]core.Rule{
		rules.KnownArgumentNamesRule.Name:  rules.KnownArgumentNamesRuleWithoutSuggestions,
		rules.KnownTypeNamesRule.Name:      rules.KnownTypeNamesRuleWithoutSuggestions,
		rules.ValuesOfCorrectTypeRule.Name: rules.ValuesOfCorrectTypeRuleWithoutSuggestions,
	} {
		all.ReplaceRule(suggesting, silent.RuleFunc)
	}
	all.ReplaceRule(rules.OverlappingFieldsCanBeMergedRule.Name, checkOverlappingFields)
	all.AddRule("ObjectsForInputObjects", checkObjectValues)
	all.AddRule("NoNullInsteadOfADefault", func(observers *core.Events, _ core.AddErrFunc) {
		observers.OnValue(requireDefaultedVariable)
	})
	return all
}

// checkObjectValues refuses {} as the value of a scalar or an enum. gqlparser accepts it, and
// gqlgen's refusal looks like an internal error.
func checkObjectValues(observers *core.Events, addError core.AddErrFunc) {
	observers.OnValue(func(_ *core.Walker, value *ast.Value) {
		if value.Kind == ast.ObjectValue && value.Definition != nil && value.Definition.Kind != ast.InputObject {
			addError(core.Message("%s cannot be an object.", value.Definition.Name), core.At(value.Position))
		}
	})
}

// requireDefaultedVariable turns $x: Boolean = true into $x: Boolean! = true where the variable
// stands in a position that does not accept null. The variable may still be left out, but null is
// refused with the other values that do not fit. gqlparser accepts null there, and gqlgen panics.
func requireDefaultedVariable(_ *core.Walker, value *ast.Value) {
	variable, expected := value.VariableDefinition, value.ExpectedType
	if value.Kind != ast.Variable || variable == nil || expected == nil || !expected.NonNull {
		return
	}
	if fallback := variable.DefaultValue; fallback != nil && fallback.Kind != ast.NullValue {
		variable.Type.NonNull = true
	}
}
