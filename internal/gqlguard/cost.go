package gqlguard

import (
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Costs are the costs of a schema's fields. The unit is a field whose value needs no look-up.
type Costs struct {
	// Object is the cost of a field that answers with an object, which has to be read. The fields
	// of a Relay connection cost 1.
	Object int
	// ExpensiveFields have a cost of their own, by coordinate: "Type.field".
	ExpensiveFields map[string]int
	// FreeObjects are fields with objects that need no look-up, by coordinate. They cost 1.
	FreeObjects []string
	// ListLength is the length that a list without the argument first counts as.
	ListLength int
}

// cost walks a valid operation with its fragments put in, and stops as soon as a limit is exceeded.
// Every list counts at its longest.
type cost struct {
	variables         map[string]any
	costs             Costs
	listSizes         listSizes
	limits            Limits
	event             bool
	left              int // of the limit on the cost
	introspectionLeft int // of the limit on introspection
}

// objects are the objects that a selection is resolved for.
type objects struct {
	count int
	// all says that they are all types of the schema, or all fields of all types, count/len times
	// over.
	all bool
}

func (c *cost) addSelections(set ast.SelectionSet, parents objects) *gqlerror.Error {
	for _, selection := range set {
		var err *gqlerror.Error
		switch selection := selection.(type) {
		case *ast.Field:
			err = c.addField(selection, parents)
		case *ast.FragmentSpread:
			err = c.addSelections(selection.Definition.SelectionSet, parents)
		case *ast.InlineFragment:
			err = c.addSelections(selection.SelectionSet, parents)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *cost) addField(field *ast.Field, parents objects) *gqlerror.Error {
	const fields = "fields, its lists as long as they may become"
	if isIntrospection(field) {
		if c.introspectionLeft -= parents.count; c.introspectionLeft < 0 {
			return limitError("An introspection", c.limits.Introspection, fields)
		}
		return c.addSelections(field.SelectionSet, c.listSizes.children(field, parents))
	}
	switch c.left -= parents.count * c.fieldCost(field); {
	case c.left < 0 && c.event:
		return limitError("An event", c.limits.EventCost, fields)
	case c.left < 0:
		return limitError("An answer", c.limits.Cost, fields+" (GRAPHQL_MAX_COST)")
	}
	return c.addSelections(field.SelectionSet, objects{count: parents.count * c.listLength(field)})
}

// fieldCost is 1 for a value that needs no look-up.
func (c *cost) fieldCost(field *ast.Field) int {
	if len(field.SelectionSet) == 0 || isConnectionField(field) {
		return 1
	}
	coordinate := field.ObjectDefinition.Name + "." + field.Name
	if expensive, ok := c.costs.ExpensiveFields[coordinate]; ok {
		return expensive
	}
	for _, free := range c.costs.FreeObjects {
		if free == coordinate {
			return 1
		}
	}
	return c.costs.Object
}

func isConnectionField(field *ast.Field) bool {
	return field.Name == "edges" || field.Name == "node" || field.Name == "pageInfo"
}

func isIntrospection(field *ast.Field) bool {
	isMeta := strings.HasPrefix(field.Name, "__") && field.Name != "__typename"
	return isMeta || field.ObjectDefinition != nil && strings.HasPrefix(field.ObjectDefinition.Name, "__")
}

// listLength is the most objects that a field can answer with. A connection has as many edges as
// its argument first says.
func (c *cost) listLength(field *ast.Field) int {
	if field.Definition.Arguments.ForName("first") != nil {
		if first, ok := toInt(field.ArgumentMap(c.variables)["first"]); ok && first > 0 {
			return min(first, c.limits.Cost+1)
		}
		return 1 // the resolver refuses it
	}
	if field.Definition.Type.Elem != nil && field.Name != "edges" {
		return c.costs.ListLength
	}
	return 1
}

func toInt(value any) (int, bool) {
	switch value := value.(type) {
	case int64:
		return int(value), true
	case interface{ String() string }: // json.Number
		n, err := strconv.Atoi(value.String())
		return n, err == nil
	}
	return 0, false
}
