package graph

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"pointcharge/internal/point"
)

// present is the one place where an error becomes an answer: a code of the closed list and a
// message that is safe to show. What is not for strangers goes to the log, once for an answer,
// here.
func (r *Resolver) present(ctx context.Context, err error) *gqlerror.Error {
	shown := &gqlerror.Error{Path: graphql.GetPath(ctx)}
	ended := ctx.Err() != nil && errors.Is(err, ctx.Err())
	refusal, ok := errors.AsType[*point.Error](err)
	if cause := context.Cause(ctx); !ok && ended && !errors.Is(err, cause) { // the operation's time may be over
		err = cause
		refusal, ok = errors.AsType[*point.Error](err)
	}
	if ok {
		shown.Message = refusal.Message
		shown.Extensions = extensions(refusal)
		r.logRefusal(ctx, refusal.Code, err)
		return shown
	}
	// gqlgen's own errors carry nothing inside: the request itself is wrong. Their messages quote
	// the request, so they are bounded.
	if own, ok := errors.AsType[*gqlerror.Error](err); ok && own.Err == nil {
		shown.Message = fmt.Sprintf("%.300s", named(own, shown.Path))
		shown.Locations = own.Locations
		shown.Extensions = map[string]any{"code": point.InvalidArgument}
		return shown
	}
	if !ended { // a client that left is no fault
		r.logInternal(ctx, err)
	}
	shown.Message = internalMessage
	shown.Extensions = map[string]any{"code": point.Internal}
	return shown
}

// named says which variable is refused: gqlparser says it in the path alone. And gqlgen's words for
// a document of several operations, of which none was named, lack a name.
func named(err *gqlerror.Error, field ast.Path) string {
	switch {
	case len(field) == 0 && len(err.Path) > 1 && err.Path[0] == ast.PathName("variable"):
		return "$" + err.Path[1:].String() + " " + err.Message
	case err.Message == "operation  not found":
		return "The document has several operations: operationName must name one."
	}
	return err.Message
}

const internalMessage = "Something went wrong. It was logged."

func extensions(refusal *point.Error) map[string]any {
	ext := map[string]any{"code": refusal.Code}
	if refusal.TransactionID != "" {
		ext["transactionId"] = refusal.TransactionID
	}
	if refusal.Balance != nil {
		ext["balance"] = *refusal.Balance
	}
	if refusal.RetryAfter != 0 {
		ext["retryAfter"] = refusal.RetryAfter
	}
	return ext
}

// logRefusal logs what an operator should know of; refusals that are the caller's own doing are no
// news.
func (r *Resolver) logRefusal(ctx context.Context, code point.Code, err error) {
	switch code {
	case point.Internal:
		r.logInternal(ctx, err)
	case point.GatewayUnavailable, point.PaymentMismatch:
		if isNew(ctx, err) {
			r.Log.WarnContext(ctx, "refused", "path", graphql.GetPath(ctx).String(), "err", err)
		}
	}
}

func (r *Resolver) logInternal(ctx context.Context, err error) {
	if isNew(ctx, err) {
		r.Log.ErrorContext(ctx, "internal error", "path", graphql.GetPath(ctx).String(), "err", err)
	}
}

// isNew tells whether the answer under way has not logged err's cause yet.
func isNew(ctx context.Context, err error) bool {
	already, ok := ctx.Value(loggedKey{}).(*logged)
	return !ok || already.add(err)
}

// maxLogged is how many lines an answer may write to the log: what fails in a list fails for each
// of its entries.
const maxLogged = 5

type loggedKey struct{}

// logged are the causes that an answer, or an event of a stream, has written to the log.
type logged struct {
	mu     sync.Mutex
	causes []string
}

// add tells whether err is to be logged. A cause is the first line of what is innermost: around it
// stand the field's place and its ids, and after it a panic's stack.
func (l *logged) add(err error) bool {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	cause, _, _ := strings.Cut(err.Error(), "\n")
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.causes) == maxLogged || slices.Contains(l.causes, cause) {
		return false
	}
	l.causes = append(l.causes, cause)
	return true
}

// logOnceEach begins the list of each answer.
type logOnceEach struct{}

func (logOnceEach) ExtensionName() string { return "LogOnceEach" }

func (logOnceEach) Validate(graphql.ExecutableSchema) error { return nil }

func (logOnceEach) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	return next(context.WithValue(ctx, loggedKey{}, &logged{}))
}

// recoverPanic masks a panic; present logs it with the part of its stack that is nearest. All of it
// is 30 KB.
func (r *Resolver) recoverPanic(_ context.Context, cause any) error {
	return &point.Error{Code: point.Internal, Message: internalMessage,
		Err: fmt.Errorf("panic: %.1000v\n%.8000s", cause, debug.Stack())}
}
