package graph

import (
	"context"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

const (
	// maxDepth is deeper than any sensible question: viewer → chargeOrders → edges → node → transaction → … is 6.
	maxDepth = 12
	// maxCost is how many fields an answer may have in all, lists counted as long as they may become. Twenty lots
	// with all that explains them cost about 8,500.
	maxCost = 10_000
	// listLength is what a list without an argument first is counted as: as long as the domain lets it become.
	listLength = 50
	// maxErrors is how many errors an answer has at most: they must not be longer than the data.
	maxErrors = 10
)

// limits refuses operations that would cost too much before anything of them is resolved. A thousand tokens are
// enough for fragments that double twenty times and ask the database a million questions.
type limits struct{}

func (limits) ExtensionName() string { return "Limits" }

func (limits) Validate(graphql.ExecutableSchema) error { return nil }

func (limits) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	m := meter{variables: op.Variables, left: maxCost}
	return m.count(op.Operation.SelectionSet, 1, 1)
}

// InterceptResponse cuts the list of errors.
func (limits) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	response := next(ctx)
	if response != nil && len(response.Errors) > maxErrors {
		response.Errors = response.Errors[:maxErrors]
	}
	return response
}

// meter walks an operation with its fragments expanded, and stops as soon as it is over a limit.
type meter struct {
	variables map[string]any
	left      int
}

// count takes the cost of a selection that stands for times objects.
func (m *meter) count(set ast.SelectionSet, depth, times int) *gqlerror.Error {
	if depth > maxDepth && len(set) > 0 {
		return gqlerror.Errorf("This is nested deeper than %d fields.", maxDepth)
	}
	for _, selection := range set {
		var err *gqlerror.Error
		switch selection := selection.(type) {
		case *ast.Field:
			err = m.countField(selection, depth, times)
		case *ast.FragmentSpread:
			err = m.count(selection.Definition.SelectionSet, depth, times)
		case *ast.InlineFragment:
			err = m.count(selection.SelectionSet, depth, times)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *meter) countField(field *ast.Field, depth, times int) *gqlerror.Error {
	if field.Name == "__schema" || field.Name == "__type" {
		return nil // the schema's own size bounds it, and live mode does not answer
	}
	if m.left -= times; m.left < 0 {
		return gqlerror.Errorf("This asks for more than %d fields. Ask for less, or for shorter pages.", maxCost)
	}
	return m.count(field.SelectionSet, depth+1, times*m.length(field))
}

// length is how many objects a field may answer with. The edges of a connection are as many as its first.
func (m *meter) length(field *ast.Field) int {
	if field.Definition.Arguments.ForName("first") != nil {
		if first, ok := number(field.ArgumentMap(m.variables)["first"]); ok && first > 0 {
			return min(first, maxCost)
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
