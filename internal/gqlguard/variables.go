package gqlguard

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// strictVariables refuses variables that gqlparser accepts and gqlgen changes: an enum value in the
// wrong case ("card" for CARD becomes the empty string), 1.5 for a text, and null where only the
// schema has a default (null becomes false, or the text "null").
type strictVariables struct{ schema *ast.Schema }

func (strictVariables) ExtensionName() string { return "StrictVariables" }

func (strictVariables) Validate(graphql.ExecutableSchema) error { return nil }

func (s strictVariables) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	for _, variable := range op.Operation.VariableDefinitions {
		value, given := op.Variables[variable.Variable]
		isNull := given && value == nil
		if !s.fits(variable.Type, value) || isNull && !acceptsNull(op.Operation.SelectionSet, variable.Variable) {
			return gqlerror.Errorf("$%s does not fit its type.", variable.Variable)
		}
	}
	return nil
}

func (s strictVariables) fits(t *ast.Type, value any) bool {
	if value == nil {
		return true
	}
	if t.Elem != nil {
		return s.allFit(t.Elem, graphql.CoerceList(value))
	}
	switch definition := s.schema.Types[t.NamedType]; definition.Kind {
	case ast.Enum:
		name, ok := value.(string)
		return ok && definition.EnumValues.ForName(name) != nil
	case ast.Scalar:
		return fitsScalar(definition.Name, value)
	case ast.InputObject:
		given, _ := value.(map[string]any)
		for _, field := range definition.Fields {
			if !s.fits(field.Type, given[field.Name]) {
				return false
			}
		}
	}
	return true
}

func (s strictVariables) allFit(t *ast.Type, values []any) bool {
	return !slices.ContainsFunc(values, func(value any) bool { return !s.fits(t, value) })
}

// fitsScalar refuses numbers as texts. Whole numbers are accepted as ids (GraphQL specification
// §3.5.5).
func fitsScalar(scalar string, value any) bool {
	number, ok := value.(json.Number)
	switch {
	case !ok:
		return true
	case scalar == "ID":
		return !strings.ContainsAny(string(number), ".eE")
	}
	return scalar != "String"
}

// acceptsNull tells whether every position of the variable in set accepts null. A position that
// does not may have a default, so that the variable may be left out, but a default does not stand
// for null (GraphQL specification §6.4.1).
func acceptsNull(set ast.SelectionSet, variable string) bool {
	return !slices.ContainsFunc(set, func(selection ast.Selection) bool {
		switch selection := selection.(type) {
		case *ast.Field:
			return requireVariable(selection.Arguments, variable) || !acceptsNull(selection.SelectionSet, variable)
		case *ast.FragmentSpread:
			return !acceptsNull(selection.Definition.SelectionSet, variable)
		case *ast.InlineFragment:
			return !acceptsNull(selection.SelectionSet, variable)
		}
		return false
	})
}

func requireVariable(arguments ast.ArgumentList, variable string) bool {
	return slices.ContainsFunc(arguments, func(a *ast.Argument) bool { return requiresVariable(a.Value, variable) })
}

// requiresVariable ignores a variable in a list where the schema has no list. It has no expected
// type, and is refused later.
func requiresVariable(value *ast.Value, variable string) bool {
	if value.Kind == ast.Variable {
		return value.Raw == variable && value.ExpectedType != nil && value.ExpectedType.NonNull
	}
	return slices.ContainsFunc(value.Children, func(child *ast.ChildValue) bool { return requiresVariable(child.Value, variable) })
}
