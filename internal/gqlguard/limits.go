package gqlguard

import (
	"context"
	"reflect"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"
)

// Limits bound what one request may cost. A field that is 0 means its default.
type Limits struct {
	Body           int           // bytes of a request
	Tokens         int           // of a document
	Name           int           // bytes of a name in it: an alias comes back with each object of a list
	Depth          int           // of fields inside each other; ofType does not count
	Aliases        int           // of a document
	Directives     int           // of a document
	RootFields     int           // of a query
	MutationFields int           // of a mutation: each is a transaction, and may ask the gateway
	Fields         int           // of a document, its fragments put in wherever they are spread; values count as fields
	Cost           int           // fields of the longest answer there may be; one that is read from the database counts as five or more
	EventCost      int           // as Cost, of each event of a subscription: that is asked for once, and answered for years
	Introspection  int           // as Cost, for what is asked of the schema itself
	Errors         int           // of an answer: they must not be longer than the data
	Time           time.Duration // of an operation, or of an event
}

// DefaultLimits are the limits of a server that was told none. Beside each: the processor time that the dearest request
// took that was found to just fit it (worst_linux_test.go; dear_linux_test.go on SQLite with a hundred paid orders).
func DefaultLimits() Limits {
	return Limits{
		Body:           64 << 10,         // 2.2 ms, a variable of 7,000 values; 38 ms with thirty pages that use it
		Tokens:         1000,             // 1.7 ms, 990 unknown fields
		Name:           64,               // 10 ms, a hundred orders with thirty such names each: 281 KB
		Depth:          12,               // 91 ms, two hundred lines with six look-ups each
		Aliases:        30,               // 79 ms, thirty pages of a hundred orders
		Directives:     20,               // 0.6 ms, with 830 fields beside them
		RootFields:     20,               // 54 ms, twenty pages of a hundred orders
		MutationFields: 5,                // 2.5 ms, five new orders; each waits for the gateway
		Fields:         1000,             // 0.7 ms, a chain of fragments
		Cost:           10_000,           // 114 ms on a busy machine, 700 virtual accounts
		EventCost:      150,              // 2.4 ms on a busy machine, 22 look-ups
		Introspection:  12_000,           // 26 ms; the usual one counts as 9,842
		Errors:         10,               // 1.7 ms, of 990 unknown fields; at most 5 KB
		Time:           30 * time.Second, // shorter than a shutdown waits
	}
}

// WithDefaults replaces every 0 by its default.
func (l Limits) WithDefaults() Limits {
	given, defaults := reflect.ValueOf(&l).Elem(), reflect.ValueOf(DefaultLimits())
	for i := range given.NumField() {
		if given.Field(i).IsZero() {
			given.Field(i).Set(defaults.Field(i))
		}
	}
	return l
}

// exceeded names the limit that was passed, and the setting that moves it.
func exceeded(what string, limit any, of, setting string) *gqlerror.Error {
	return gqlerror.Errorf("%s has at most %v%s (%s).", what, limit, of, setting)
}

// BodyError refuses a body that is too long.
func (l Limits) BodyError() error { return exceeded("A body", l.Body, " bytes", "GRAPHQL_MAX_BODY") }

// TimeoutError is what a client is told of an operation that did not end in time. A transaction that was cut while it
// was committed may have been.
func (l Limits) TimeoutError() error {
	return gqlerror.Errorf("%s A change may have been made all the same.", exceeded("An operation", l.Time, "", "GRAPHQL_TIMEOUT").Message)
}

func overLimit(what string, limit int, of, setting string) *gqlerror.Error {
	return exceeded(what, limit, " "+of, setting)
}

// limiter is where the limits are kept: the cheap ones before a document is validated, because validation itself
// costs, the cost of the answer before anything of it is resolved.
type limiter struct {
	Limits
	valid  graphql.Cache[*ast.QueryDocument] // what was validated, and has the right shape therefore
	costs  Costs
	widths widths
}

func (limiter) ExtensionName() string { return "Limits" }

func (limiter) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters looks at the document before gqlgen does. It is parsed twice, but only the first time.
func (l limiter) MutateOperationParameters(ctx context.Context, raw *graphql.RawParams) *gqlerror.Error {
	if _, ok := l.valid.Get(ctx, raw.Query); ok {
		return nil
	}
	if err := l.checkTokens(raw.Query); err != nil {
		return err
	}
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: raw.Query}, l.Tokens+1)
	if err != nil {
		return nil //nolint:nilerr // gqlgen says so itself
	}
	return l.checkShape(document)
}

// checkTokens counts them, comments too, and measures names. The parser would count, but its refusal does not name the
// setting.
func (l limiter) checkTokens(query string) *gqlerror.Error {
	tokens := lexer.New(&ast.Source{Input: query})
	for range l.Tokens + 1 {
		token, err := tokens.ReadToken()
		switch {
		case err != nil || token.Kind == lexer.EOF: // the parser says what is wrong
			return nil
		case token.Kind == lexer.Name && len(token.Value) > l.Name:
			return overLimit("A name", l.Name, "bytes", "GRAPHQL_MAX_NAME")
		}
	}
	return overLimit("A document", l.Tokens, "tokens", "GRAPHQL_MAX_TOKENS")
}

// MutateOperationContext refuses operations that would cost too much before anything of them is resolved. A thousand
// tokens are enough to ask for a hundred pages of a hundred lines.
func (l limiter) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	m := meter{variables: op.Variables, costs: l.costs, widths: l.widths, limits: l.Limits, left: l.Cost, leftOfSchema: l.Introspection}
	if op.Operation.Operation == ast.Subscription {
		m.left, m.event = l.EventCost, true
	}
	return m.count(op.Operation.SelectionSet, objects{n: 1})
}

// InterceptResponse cuts the list of errors.
func (l limiter) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	response := next(ctx)
	if response != nil && len(response.Errors) > l.Errors {
		response.Errors = response.Errors[:l.Errors]
	}
	return response
}
