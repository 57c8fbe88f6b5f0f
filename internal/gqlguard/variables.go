package gqlguard

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// strictRules are the specification's without suggestions, which would tell the schema to whoever may not read it
// (gqlgen's own switch covers two rules of five), a cheap one for a dear one (merge.go), and one that gqlparser has
// forgotten: {} is no value of a scalar or an enum. It would reach gqlgen, whose own refusal looks like a fault of ours.
func strictRules() *rules.Rules {
	all := rules.NewDefaultRules()
	for talkative, silent := range map[string]core.Rule{
		rules.KnownArgumentNamesRule.Name:  rules.KnownArgumentNamesRuleWithoutSuggestions,
		rules.KnownTypeNamesRule.Name:      rules.KnownTypeNamesRuleWithoutSuggestions,
		rules.ValuesOfCorrectTypeRule.Name: rules.ValuesOfCorrectTypeRuleWithoutSuggestions,
	} {
		all.ReplaceRule(talkative, silent.RuleFunc)
	}
	all.ReplaceRule(rules.OverlappingFieldsCanBeMergedRule.Name, mergeFields)
	all.AddRule("ObjectsForInputObjects", func(observers *core.Events, addError core.AddErrFunc) {
		observers.OnValue(func(_ *core.Walker, value *ast.Value) {
			if value.Kind == ast.ObjectValue && value.Definition != nil && value.Definition.Kind != ast.InputObject {
				addError(core.Message("%s cannot be an object.", value.Definition.Name), core.At(value.Position))
			}
		})
	})
	all.AddRule("NoNullInsteadOfADefault", func(observers *core.Events, _ core.AddErrFunc) { observers.OnValue(noNullInstead) })
	return all
}

// noNullInstead makes $x: Boolean = true a $x: Boolean! = true where the variable stands in a place that takes no null: it
// may be left out, but null is refused with the other values that do not fit. gqlparser lets null pass there, and gqlgen
// panics.
func noNullInstead(_ *core.Walker, value *ast.Value) {
	variable, expected := value.VariableDefinition, value.ExpectedType
	if value.Kind != ast.Variable || variable == nil || expected == nil || !expected.NonNull {
		return
	}
	if otherwise := variable.DefaultValue; otherwise != nil && otherwise.Kind != ast.NullValue {
		variable.Type.NonNull = true
	}
}

// exactVariables refuses variables that gqlparser lets pass and gqlgen makes something else of: an enum's value in the
// wrong case ("card" for CARD becomes the empty string), 1.5 for a text, and null where only the schema has a default
// (false, or the text "null").
type exactVariables struct{ schema *ast.Schema }

func (exactVariables) ExtensionName() string { return "ExactVariables" }

func (exactVariables) Validate(graphql.ExecutableSchema) error { return nil }

func (x exactVariables) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	for _, variable := range op.Operation.VariableDefinitions {
		value, given := op.Variables[variable.Variable]
		isNull := given && value == nil
		if !x.fits(variable.Type, value) || isNull && !takesNull(op.Operation.SelectionSet, variable.Variable) {
			return gqlerror.Errorf("$%s does not fit its type.", variable.Variable)
		}
	}
	return nil
}

func (x exactVariables) fits(t *ast.Type, value any) bool {
	if value == nil {
		return true
	}
	if t.Elem != nil {
		return x.allFit(t.Elem, graphql.CoerceList(value))
	}
	switch definition := x.schema.Types[t.NamedType]; definition.Kind {
	case ast.Enum:
		name, ok := value.(string)
		return ok && definition.EnumValues.ForName(name) != nil
	case ast.Scalar:
		return fitsText(definition.Name, value)
	case ast.InputObject:
		given, _ := value.(map[string]any)
		for _, field := range definition.Fields {
			if !x.fits(field.Type, given[field.Name]) {
				return false
			}
		}
	}
	return true
}

// fitsText tells whether value is no number in a text's place. Whole numbers are ids, too (GraphQL specification §3.5.5).
func fitsText(scalar string, value any) bool {
	number, ok := value.(json.Number)
	switch {
	case !ok:
		return true
	case scalar == "ID":
		return !strings.ContainsAny(string(number), ".eE")
	}
	return scalar != "String"
}

func (x exactVariables) allFit(t *ast.Type, values []any) bool {
	for _, value := range values {
		if !x.fits(t, value) {
			return false
		}
	}
	return true
}

// takesNull tells whether null may stand wherever variable does in set. A place that takes none may have a default, so
// that the variable may be left out, but that is not null (GraphQL specification §6.4.1).
func takesNull(set ast.SelectionSet, variable string) bool {
	return !slices.ContainsFunc(set, func(selection ast.Selection) bool {
		switch selection := selection.(type) {
		case *ast.Field:
			return wantsValue(selection.Arguments, variable) || !takesNull(selection.SelectionSet, variable)
		case *ast.FragmentSpread:
			return !takesNull(selection.Definition.SelectionSet, variable)
		case *ast.InlineFragment:
			return !takesNull(selection.SelectionSet, variable)
		}
		return false
	})
}

func wantsValue(arguments ast.ArgumentList, variable string) bool {
	return slices.ContainsFunc(arguments, func(a *ast.Argument) bool { return valueWanted(a.Value, variable) })
}

func valueWanted(value *ast.Value, variable string) bool {
	if value.Kind == ast.Variable { // in a list where none belongs it has no type, and is refused later
		return value.Raw == variable && value.ExpectedType != nil && value.ExpectedType.NonNull
	}
	return slices.ContainsFunc(value.Children, func(child *ast.ChildValue) bool { return valueWanted(child.Value, variable) })
}
