package graph

import (
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// listLength is what a list without an argument first is counted as: as long as the domain lets it become.
const listLength = 50

// lookUp is what a field costs that reads the database: a statement takes about as long as five fields, and more.
const lookUp = 5

// dearer are the look-ups of an order that take longer than others: they search by more than an id.
func dearer(field *ast.Field) int {
	switch {
	case field.Name == "virtualAccount":
		return 12
	case field.Name == "transaction" && field.ObjectDefinition.Name == "ChargeOrder":
		return 8
	}
	return lookUp
}

// meter walks a valid operation with its fragments put in, and stops as soon as it is over a limit. Lists count as
// long as they may become. Twenty lots with all that explains them cost about 9,400.
type meter struct {
	variables    map[string]any
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
	switch m.left -= of.n * price(field); {
	case m.left < 0 && m.event:
		return overLimit("An event", m.limits.EventCost, fields, "GRAPHQL_MAX_EVENT_COST")
	case m.left < 0:
		return overLimit("An answer", m.limits.Cost, fields, "GRAPHQL_MAX_COST")
	}
	return m.count(field.SelectionSet, objects{n: of.n * m.length(field)})
}

// price is 1 for what is there already. Whatever else is an object has to be read.
func price(field *ast.Field) int {
	switch field.Name {
	case "edges", "node", "pageInfo", "checkout":
		return 1
	}
	if len(field.SelectionSet) == 0 {
		return 1
	}
	return dearer(field)
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
