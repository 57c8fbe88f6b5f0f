package graph

import (
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// listLength is what a list without an argument first is counted as: as long as the domain lets it become.
const listLength = 50

// meter walks a valid operation with its fragments put in, and stops as soon as it is over a limit. Lists count as
// long as they may become. Twenty lots with all that explains them cost about 8,500.
type meter struct {
	variables    map[string]any
	widths       widths
	limits       Limits
	left         int // of the limit on the cost
	leftOfSchema int // of the limit on introspection
}

// count takes the cost of a selection that stands for times objects.
func (m *meter) count(set ast.SelectionSet, times int) *gqlerror.Error {
	for _, selection := range set {
		var err *gqlerror.Error
		switch selection := selection.(type) {
		case *ast.Field:
			err = m.countField(selection, times)
		case *ast.FragmentSpread:
			err = m.count(selection.Definition.SelectionSet, times)
		case *ast.InlineFragment:
			err = m.count(selection.SelectionSet, times)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *meter) countField(field *ast.Field, times int) *gqlerror.Error {
	if strings.HasPrefix(field.Name, "__") && field.Name != "__typename" || ofSchema(field.ObjectDefinition) {
		if m.leftOfSchema -= times; m.leftOfSchema < 0 {
			return overLimit("An introspection", m.limits.Introspection, "fields, its lists as long as they may become", "GRAPHQL_MAX_INTROSPECTION")
		}
	} else if m.left -= times; m.left < 0 {
		return overLimit("An answer", m.limits.Cost, "fields, its lists as long as they may become", "GRAPHQL_MAX_COST")
	}
	return m.count(field.SelectionSet, times*m.length(field))
}

func ofSchema(definition *ast.Definition) bool {
	return definition != nil && strings.HasPrefix(definition.Name, "__")
}

// length is how many objects a field may answer with. The edges of a connection are as many as its first.
func (m *meter) length(field *ast.Field) int {
	if ofSchema(field.ObjectDefinition) {
		return max(1, m.widths[field.Name])
	}
	if field.Definition.Arguments.ForName("first") != nil {
		if first, ok := number(field.ArgumentMap(m.variables)["first"]); ok && first > 0 {
			return min(first, m.limits.Cost+1)
		}
		return 1 // the domain refuses it
	}
	if field.Definition.Type.Elem != nil && field.Name != "edges" {
		return listLength
	}
	return 1
}

func number(v any) (int, bool) {
	switch v := v.(type) {
	case int64:
		return int(v), true
	case interface{ String() string }: // json.Number
		n, err := strconv.Atoi(v.String())
		return n, err == nil
	}
	return 0, false
}

// widths are how long the lists of introspection are at most, by the names of their fields.
type widths map[string]int

// widthsOf measures a schema: no type of it has more fields than "fields" says, and so on.
func widthsOf(schema *ast.Schema) widths {
	longest := widths{"types": len(schema.Types), "directives": len(schema.Directives), "locations": 20}
	widen := func(name string, n int) { longest[name] = max(longest[name], n) }
	for _, definition := range schema.Types {
		widen("fields", len(definition.Fields))
		widen("inputFields", len(definition.Fields))
		widen("enumValues", len(definition.EnumValues))
		widen("interfaces", len(definition.Interfaces))
		widen("possibleTypes", len(schema.PossibleTypes[definition.Name]))
		for _, field := range definition.Fields {
			widen("args", len(field.Arguments))
		}
	}
	return longest
}
