package gqlguard

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// noIntrospection refuses introspection as the caller's mistake. gqlgen's own refusal looks like an
// error of a resolver, so it would be masked and logged as an internal error.
type noIntrospection struct{}

func (noIntrospection) ExtensionName() string { return "NoIntrospection" }

func (noIntrospection) Validate(graphql.ExecutableSchema) error { return nil }

func (noIntrospection) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
		if field.Name == "__schema" || field.Name == "__type" {
			return gqlerror.Errorf("Introspection is switched off.")
		}
	}
	return nil
}

// listSizes are the lengths of introspection's lists, by field name.
type listSizes struct {
	longest map[string]int // the longest list of any type
	total   map[string]int // the lists of all types together
}

func newListSizes(schema *ast.Schema) listSizes {
	s := listSizes{map[string]int{}, map[string]int{}}
	add := func(name string, n int) {
		s.longest[name] = max(s.longest[name], n)
		s.total[name] += n
	}
	add("types", len(schema.Types))
	add("directives", len(schema.Directives))
	for _, directive := range schema.Directives {
		add("locations", len(directive.Locations))
		s.longest["args"] = max(s.longest["args"], len(directive.Arguments))
	}
	for name, definition := range schema.Types {
		list := "fields"
		if definition.Kind == ast.InputObject {
			list = "inputFields"
		}
		add(list, len(definition.Fields))
		add("enumValues", len(definition.EnumValues))
		add("interfaces", len(definition.Interfaces))
		add("possibleTypes", len(schema.PossibleTypes[name]))
		for _, field := range definition.Fields {
			add("args", len(field.Arguments))
		}
	}
	return s
}

// children are the objects that a field of introspection answers with. A single type counts as
// having the longest list of any type. The lists of all types together have a known length.
func (s listSizes) children(field *ast.Field, parents objects) objects {
	longest, isList := s.longest[field.Name]
	switch {
	case !isList:
		return objects{count: parents.count}
	case field.Name == "types":
		return objects{count: parents.count * longest, all: true}
	case !parents.all:
		return objects{count: parents.count * longest}
	case field.Name == "args": // of every field
		return objects{count: parents.count / s.total["fields"] * s.total["args"]}
	}
	return objects{count: parents.count / s.total["types"] * s.total[field.Name], all: field.Name == "fields"}
}
