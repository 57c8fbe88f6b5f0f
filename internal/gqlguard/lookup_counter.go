package gqlguard

import (
	"context"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// lookupsExtension is where an operation's statistics keep its lookups.
const lookupsExtension = "lookups"

// lookups are the look-ups of one operation.
type lookups struct {
	made     atomic.Int64
	expected int64 // paid for with the operation's price
}

// maxQuickLookups is how many look-ups an operation may have and still make them at once.
const maxQuickLookups = 20

// lookupCounter refuses the look-ups of a query beyond the limit, and has the caller pay for those
// that its price did not foresee. The length of some lists is known only once they are read.
//
// The look-ups of all operations with many of them share a few slots. gqlgen resolves the objects of
// a list all at the same time: two hundred look-ups would stand before everybody else's in the queue
// for the database's connections.
type lookupCounter struct {
	Limits

	slots chan struct{}
	costs Costs
	debit func(ctx context.Context, price int)
}

func (lookupCounter) ExtensionName() string { return "LookupCounter" }

func (lookupCounter) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptField is called for every field of every answer.
func (l lookupCounter) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	field := graphql.GetFieldContext(ctx)
	if !field.IsResolver || l.costs.fieldCost(field.Field.Field) <= 1 {
		return next(ctx)
	}
	op := graphql.GetOperationContext(ctx)
	counted, ok := op.Stats.GetExtension(lookupsExtension).(*lookups)
	if !ok || op.Operation.Operation == ast.Subscription {
		return next(ctx)
	}
	made := counted.made.Add(1)
	if made > int64(l.Lookups) && op.Operation.Operation == ast.Query {
		return nil, l.lookupsError()
	}
	if max(made, counted.expected) > maxQuickLookups {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case l.slots <- struct{}{}:
			defer func() { <-l.slots }()
		}
	}
	return next(ctx)
}

func (l lookupCounter) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	response := next(ctx)
	if l.debit == nil || !graphql.HasOperationContext(ctx) {
		return response
	}
	counted, ok := graphql.GetOperationContext(ctx).Stats.GetExtension(lookupsExtension).(*lookups)
	if ok && counted.made.Load() > counted.expected {
		l.debit(ctx, int(counted.made.Load()-counted.expected)*l.costs.Lookup)
	}
	return response
}
