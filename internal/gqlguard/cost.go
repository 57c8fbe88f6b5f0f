package gqlguard

import (
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Costs are what the fields of a schema cost, in fields whose value is there already.
type Costs struct {
	// Object is the cost of a field that answers with an object, which has to be read.
	Object int
	// Fields are the costs of single fields where they differ, by coordinate: "Type.field".
	Fields map[string]int
	// ListLength is the length that a list without the argument first is counted as.
	ListLength int
}

// meter walks a valid operation with its fragments put in, and stops as soon as it is over a limit. Lists count as
// long as they may become. Twenty lots with all that explains them cost about 9,400.
type meter struct {
	variables    map[string]any
	costs        Costs
	widths       widths
	limits       Limits
	event        bool
	left         int // of the limit on the cost
	leftOfSchema int // of the limit on introspection
}

// objects are what a selection stands for.
type objects struct {
	n     int
	every bool // type of the schema, or every field of every type, n/len times over
}

// count takes the cost of a selection.
func (m *meter) count(set ast.SelectionSet, of objects) *gqlerror.Error {
	for _, selection := range set {
		var err *gqlerror.Error
		switch selection := selection.(type) {
		case *ast.Field:
			err = m.countField(selection, of)
		case *ast.FragmentSpread:
			err = m.count(selection.Definition.SelectionSet, of)
		case *ast.InlineFragment:
			err = m.count(selection.SelectionSet, of)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *meter) countField(field *ast.Field, of objects) *gqlerror.Error {
	if strings.HasPrefix(field.Name, "__") && field.Name != "__typename" || ofSchema(field.ObjectDefinition) {
		if m.leftOfSchema -= of.n; m.leftOfSchema < 0 {
			return overLimit("An introspection", m.limits.Introspection, "fields, its lists as long as they may become", "GRAPHQL_MAX_INTROSPECTION")
		}
		return m.count(field.SelectionSet, m.widths.below(field, of))
	}
	const fields = "fields, its lists as long as they may become"
	switch m.left -= of.n * m.price(field); {
	case m.left < 0 && m.event:
		return overLimit("An event", m.limits.EventCost, fields, "GRAPHQL_MAX_EVENT_COST")
	case m.left < 0:
		return overLimit("An answer", m.limits.Cost, fields, "GRAPHQL_MAX_COST")
	}
	return m.count(field.SelectionSet, objects{n: of.n * m.length(field)})
}

// price is 1 for what is there already. Whatever else is an object has to be read.
func (m *meter) price(field *ast.Field) int {
	switch field.Name {
	case "edges", "node", "pageInfo":
		return 1
	}
	if len(field.SelectionSet) == 0 {
		return 1
	}
	if cost, ok := m.costs.Fields[field.ObjectDefinition.Name+"."+field.Name]; ok {
		return cost
	}
	return m.costs.Object
}

func ofSchema(definition *ast.Definition) bool {
	return definition != nil && strings.HasPrefix(definition.Name, "__")
}

// length is how many objects a field may answer with. The edges of a connection are as many as its first.
func (m *meter) length(field *ast.Field) int {
	if field.Definition.Arguments.ForName("first") != nil {
		if first, ok := number(field.ArgumentMap(m.variables)["first"]); ok && first > 0 {
			return min(first, m.limits.Cost+1)
		}
		return 1 // the domain refuses it
	}
	if field.Definition.Type.Elem != nil && field.Name != "edges" {
		return m.costs.ListLength
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

// widths are how long the lists of introspection are, by the names of their fields.
type widths struct {
	longest map[string]int // no type has more
	all     map[string]int // how many all types have together
}

// widthsOf measures a schema.
func widthsOf(schema *ast.Schema) widths {
	w := widths{map[string]int{}, map[string]int{}}
	add := func(name string, n int) {
		w.longest[name] = max(w.longest[name], n)
		w.all[name] += n
	}
	add("types", len(schema.Types))
	add("directives", len(schema.Directives))
	for _, directive := range schema.Directives {
		add("locations", len(directive.Locations))
		w.longest["args"] = max(w.longest["args"], len(directive.Arguments))
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
	return w
}

// below is how many objects a field of introspection answers with. One type may be the longest of all; all together
// are known.
func (w widths) below(field *ast.Field, of objects) objects {
	longest, isList := w.longest[field.Name]
	switch {
	case !isList:
		return objects{n: of.n}
	case field.Name == "types":
		return objects{n: of.n * longest, every: true}
	case !of.every:
		return objects{n: of.n * longest}
	case field.Name == "args": // of every field
		return objects{n: of.n / w.all["fields"] * w.all["args"]}
	}
	return objects{n: of.n / w.all["types"] * w.all[field.Name], every: field.Name == "fields"}
}
