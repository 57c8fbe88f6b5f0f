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
	// of a Relay connection cost 1. A field that costs more than 1 counts as a look-up.
	Object int
	// ExpensiveFields have a cost of their own, by coordinate: "Type.field".
	ExpensiveFields map[string]int
	// Batched are the coordinates of fields that are read for all objects of a page with one
	// look-up. A page is what one field that is not batched answers with, and all that its
	// batched fields add.
	Batched map[string]bool
	// ListLength is the length that a list without the argument first counts as.
	ListLength int
	// Lookup is what each look-up adds to the price of an operation. Limits.Cost counts a look-up
	// for less, because it counts every list at its longest.
	Lookup int
}

// cost walks a valid operation with its fragments put in, and stops as soon as a limit is exceeded.
// Every list counts at its longest.
//
// The price is what the operation costs at least: a list without the argument first counts as one
// object. It is what a caller pays beforehand. Most such lists are short.
type cost struct {
	variables      map[string]any
	costs          Costs
	listSizes      listSizes
	limits         Limits
	event          bool
	left           int // of the limit on the cost
	introspected   int // fields that ask for the schema
	price          int // of what is not introspection
	lookups        int // at least
	longestLookups int // with every list at its longest
}

// objects are the objects that a selection is resolved for.
type objects struct {
	count int
	pages int // that the objects come from: a batched field needs one look-up for each
	least int // count, with lists that have no argument first counted as one object
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
		c.introspected += parents.count
		if c.introspected > c.limits.Introspection {
			return limitError("An introspection", c.limits.Introspection, fields)
		}
		return c.addSelections(field.SelectionSet, c.listSizes.children(field, parents))
	}
	price := c.costs.fieldCost(field)
	pages := parents.pages
	if c.price += parents.least * price; price > 1 {
		pages = c.addLookups(field, parents)
	}
	switch c.left -= parents.count * price; {
	case c.left < 0 && c.event:
		return limitError("An event", c.limits.EventCost, fields)
	case c.left < 0:
		return limitError("An answer", c.limits.Cost, fields+" (GRAPHQL_MAX_COST)")
	}
	longest, least := c.listLength(field)
	return c.addSelections(field.SelectionSet, objects{count: parents.count * longest, pages: pages, least: parents.least * least})
}

// addLookups counts the look-ups of a field, and returns the number of pages that it answers with.
func (c *cost) addLookups(field *ast.Field, parents objects) (pages int) {
	least, longest := parents.least, parents.count
	if c.costs.isBatched(field) {
		least, longest = parents.pages, parents.pages
	}
	c.price += least * c.costs.Lookup
	c.lookups += least
	c.longestLookups += longest
	return longest
}

// totalPrice adds what the schema costs: it is in memory.
func (c *cost) totalPrice() int { return c.price + c.introspected/introspectedPerPrice }

// introspectedPerPrice is how many fields of an introspection are as dear as one other field.
const introspectedPerPrice = 5

// checkLookups refuses an operation whose answer is known to need too many look-ups. Those of a
// query that turn out to be too many are refused one by one (lookupCounter). A mutation is refused
// before it has changed anything.
func (c *cost) checkLookups(operation ast.Operation) *gqlerror.Error {
	lookups := c.lookups
	if operation == ast.Mutation {
		lookups = c.longestLookups
	}
	if lookups > c.limits.Lookups {
		return c.limits.lookupsError()
	}
	return nil
}

// fieldCost is 1 for a value that needs no look-up.
func (c Costs) fieldCost(field *ast.Field) int {
	if len(field.SelectionSet) == 0 || isConnectionField(field) {
		return 1
	}
	if expensive, ok := c.ExpensiveFields[coordinate(field)]; ok {
		return expensive
	}
	return c.Object
}

func (c Costs) isBatched(field *ast.Field) bool { return c.Batched[coordinate(field)] }

func coordinate(field *ast.Field) string { return field.ObjectDefinition.Name + "." + field.Name }

func isConnectionField(field *ast.Field) bool {
	return field.Name == "edges" || field.Name == "node" || field.Name == "pageInfo"
}

func isIntrospection(field *ast.Field) bool {
	isMeta := strings.HasPrefix(field.Name, "__") && field.Name != "__typename"
	return isMeta || field.ObjectDefinition != nil && strings.HasPrefix(field.ObjectDefinition.Name, "__")
}

// listLength is the most and the least number of objects that a field counts as. A connection has
// as many edges as its argument first says.
func (c *cost) listLength(field *ast.Field) (longest, least int) {
	if field.Definition.Arguments.ForName("first") != nil {
		if first, ok := toInt(field.ArgumentMap(c.variables)["first"]); ok && first > 0 {
			first = min(first, c.limits.Cost+1)
			return first, first
		}
		return 1, 1 // the resolver refuses it
	}
	if field.Definition.Type.Elem != nil && field.Name != "edges" {
		return c.costs.ListLength, 1
	}
	return 1, 1
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
