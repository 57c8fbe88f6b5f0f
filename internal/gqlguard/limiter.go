package gqlguard

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"
)

// limiter enforces the limits. Cheap checks come before a document is validated, because validation
// itself costs time. The cost of the answer is checked before anything of it is resolved.
type limiter struct {
	Limits

	validated graphql.Cache[*ast.QueryDocument] // documents that passed the checks of their size
	costs     Costs
	listSizes listSizes
	slots     chan struct{}                                   // of look-ups; nil for documents that are only checked
	admit     func(context.Context, ast.Operation, int) error // nil for documents that are only checked
}

func (limiter) ExtensionName() string { return "Limits" }

func (limiter) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters checks the size of a document before gqlgen parses it. A document is
// parsed twice, but only the first time it is sent.
func (l limiter) MutateOperationParameters(ctx context.Context, raw *graphql.RawParams) *gqlerror.Error {
	if _, ok := l.validated.Get(ctx, raw.Query); ok {
		return nil
	}
	if err := l.checkTokens(raw.Query); err != nil {
		return err
	}
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: raw.Query}, l.Tokens+1)
	if err != nil {
		return nil //nolint:nilerr // gqlgen reports it
	}
	return l.checkSize(document)
}

// checkTokens counts tokens, comments included, and measures names. The parser's own limit refuses
// in words that do not name the limit.
func (l limiter) checkTokens(query string) *gqlerror.Error {
	tokens := lexer.New(&ast.Source{Input: query})
	for range l.Tokens + 1 {
		token, err := tokens.ReadToken()
		switch {
		case err != nil || token.Kind == lexer.EOF: // the parser reports an error
			return nil
		case token.Kind == lexer.Name && len(token.Value) > l.Name:
			return limitError("A name", l.Name, "bytes")
		}
	}
	return limitError("A document", l.Tokens, "tokens")
}

// MutateOperationContext refuses an operation whose answer could cost too much. A thousand tokens
// are enough to ask for a hundred pages of a hundred lines.
func (l limiter) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	c := cost{variables: op.Variables, costs: l.costs, listSizes: l.listSizes, limits: l.Limits,
		left: l.Cost}
	if op.Operation.Operation == ast.Subscription {
		c.left, c.event = l.EventCost, true
	}
	if err := c.addSelections(op.Operation.SelectionSet, objects{count: 1, pages: 1, least: 1}); err != nil {
		return err
	}
	if err := c.checkLookups(op.Operation.Operation); err != nil {
		return err
	}
	if l.admit != nil {
		if err := l.admit(ctx, op.Operation.Operation, c.totalPrice()); err != nil {
			return gqlerror.Wrap(err)
		}
	}
	counted := &lookups{expected: int64(c.lookups), refusal: l.lookupsError(), slots: l.slots}
	if op.Operation.Operation == ast.Query {
		counted.limit = int64(l.Lookups)
	}
	op.Stats.SetExtension(lookupsExtension, counted)
	return nil
}

// InterceptResponse leaves out the errors over the limit.
func (l limiter) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	response := next(ctx)
	if response != nil && len(response.Errors) > l.Errors {
		response.Errors = response.Errors[:l.Errors]
	}
	return response
}
