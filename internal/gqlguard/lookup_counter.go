package gqlguard

import (
	"context"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// lookupsExtension is where an operation's statistics keep its lookups.
const lookupsExtension = "lookups"

// lookups are the look-ups of one operation.
type lookups struct {
	made     atomic.Int64
	expected int64           // paid for with the operation's price
	limit    int64           // 0 means none
	refusal  *gqlerror.Error // of the look-ups beyond the limit
	slots    chan struct{}   // shared with all other operations
}

// maxQuickLookups is how many look-ups an operation may have and still make them at once.
const maxQuickLookups = 20

// begin counts a look-up, and waits for its turn if the operation has many. The caller must call
// end when the look-up is over.
func (l *lookups) begin(ctx context.Context) (end func(), err error) {
	made := l.made.Add(1)
	if l.limit > 0 && made > l.limit {
		refusal := *l.refusal // gqlgen writes each field's location into its error
		return nil, &refusal
	}
	if max(made, l.expected) <= maxQuickLookups {
		return func() {}, nil
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case l.slots <- struct{}{}:
		return func() { <-l.slots }, nil
	}
}

// BeginLookup counts a look-up of a field in Costs.Batched, which is made for all objects of a
// page, and waits for its turn. The caller must call end when the look-up is over. Objects that
// wait for another one's look-up must not call it: they would hold a slot for nothing.
func BeginLookup(ctx context.Context) (end func(), err error) {
	if counted := lookupsOf(ctx); counted != nil {
		return counted.begin(ctx)
	}
	return func() {}, nil
}

// lookupsOf returns the look-ups of the operation; nil if they are not counted, as those of a
// subscription.
func lookupsOf(ctx context.Context) *lookups {
	if !graphql.HasOperationContext(ctx) {
		return nil
	}
	op := graphql.GetOperationContext(ctx)
	if op.Operation == nil || op.Operation.Operation == ast.Subscription {
		return nil
	}
	counted, _ := op.Stats.GetExtension(lookupsExtension).(*lookups)
	return counted
}

// lookupCounter refuses the look-ups of a query beyond the limit, and has the caller pay for those
// that its price did not foresee. The length of some lists is known only once they are read.
//
// The look-ups of all operations with many of them share a few slots. gqlgen resolves the fields of
// an object all at the same time: two hundred look-ups would stand before everybody else's in the
// queue for the database's connections.
type lookupCounter struct {
	costs Costs
	debit func(ctx context.Context, price int)
}

func (lookupCounter) ExtensionName() string { return "LookupCounter" }

func (lookupCounter) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptField is called for every field of every answer.
func (l lookupCounter) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	field := graphql.GetFieldContext(ctx)
	if !field.IsResolver || l.costs.fieldCost(field.Field.Field) <= 1 || l.costs.isBatched(field.Field.Field) {
		return next(ctx)
	}
	end, err := BeginLookup(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return next(ctx)
}

func (l lookupCounter) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	response := next(ctx)
	if l.debit == nil {
		return response
	}
	if counted := lookupsOf(ctx); counted != nil && counted.made.Load() > counted.expected {
		l.debit(ctx, int(counted.made.Load()-counted.expected)*l.costs.Lookup)
	}
	return response
}
