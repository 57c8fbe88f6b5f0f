package graph

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/ratelimit"
)

// presentError turns every error of an answer into a code of the closed list and a message that is
// safe to show. What must not be shown is logged here, once for each answer.
func (r *Resolver) presentError(ctx context.Context, err error) *gqlerror.Error {
	shown := &gqlerror.Error{Path: graphql.GetPath(ctx)}
	ended := ctx.Err() != nil && errors.Is(err, ctx.Err())
	refusal, ok := errors.AsType[*apierror.Error](err)
	if cause := context.Cause(ctx); !ok && ended && !errors.Is(err, cause) {
		err = cause // why it ended: the operation's time is over, or the stream's token has expired
		refusal, ok = errors.AsType[*apierror.Error](err)
	}
	if ok {
		shown.Message = refusal.Message
		shown.Extensions = extensions(refusal)
		r.logRefusal(ctx, refusal.Code, err)
		return shown
	}
	// gqlgen's own errors wrap no other error: the request itself is wrong. Their messages quote
	// the request, so their length is bounded.
	if own, ok := errors.AsType[*gqlerror.Error](err); ok && own.Err == nil {
		shown.Message = fmt.Sprintf("%.300s", clarifyMessage(own, shown.Path))
		shown.Locations = own.Locations
		shown.Extensions = map[string]any{"code": apierror.InvalidArgument}
		return shown
	}
	if !ended { // a client that left is not a fault of the server
		r.logInternalError(ctx, err)
	}
	shown.Message = internalMessage
	shown.Extensions = map[string]any{"code": apierror.Internal}
	return shown
}

// clarifyMessage names the variable that is refused, which gqlparser names in the error's path
// only. It replaces gqlgen's message for a request that does not name one of its document's
// operations.
func clarifyMessage(err *gqlerror.Error, field ast.Path) string {
	switch {
	case len(field) == 0 && len(err.Path) > 1 && err.Path[0] == ast.PathName("variable"):
		return "$" + err.Path[1:].String() + " " + err.Message
	case err.Message == "operation  not found":
		return "The document has several operations: operationName must name one."
	}
	return err.Message
}

const internalMessage = "Something went wrong. It was logged."

// extensions returns what a front end needs to say the refusal in the user's language: the code,
// the closed word of the reason, the wrong argument, and the code's parameters.
func extensions(refusal *apierror.Error) map[string]any {
	ext := maps.Clone(refusal.Params)
	if ext == nil {
		ext = map[string]any{}
	}
	ext["code"] = refusal.Code
	if refusal.Reason != "" {
		ext["reason"] = refusal.Reason
	}
	if refusal.Argument != "" {
		ext["argument"] = refusal.Argument
	}
	return ext
}

// logRefusal logs refusals that an operator should know of. Other refusals are the caller's own
// doing.
func (r *Resolver) logRefusal(ctx context.Context, code apierror.Code, err error) {
	switch code {
	case apierror.Internal:
		r.logInternalError(ctx, err)
	case apierror.GatewayUnavailable, apierror.PaymentMismatch:
		r.logWarning(ctx, err)
	default: // an operator gets the gateway's own words
		if apierror.ReasonOf(err) == charge.ReasonGatewayRefused {
			r.logWarning(ctx, err)
		}
	}
}

func (r *Resolver) logWarning(ctx context.Context, err error) {
	if isFirstOfAnswer(ctx, err) {
		r.sampledLogs().refusals.Sample(r.Log).WarnContext(ctx, "refused", "path", graphql.GetPath(ctx).String(), "err", err)
	}
}

func (r *Resolver) logInternalError(ctx context.Context, err error) {
	if !isFirstOfAnswer(ctx, err) {
		return
	}
	if leftOut, ok := r.sampledLogs().faults.Allow(); ok { // not cleaned: a panic's stack has lines
		r.Log.With("left_out", leftOut).ErrorContext(ctx, "internal error", "path", graphql.GetPath(ctx).String(), "err", err)
	}
}

// sampledLogs bound the lines that callers can make us log.
type sampledLogs struct {
	refusals *ratelimit.SampledLog // what an operator should know of
	faults   *ratelimit.SampledLog // our own
}

// sampledLogs returns the bounds of this resolver. The first call makes them.
func (r *Resolver) sampledLogs() *sampledLogs {
	if logs := r.logs.Load(); logs != nil {
		return logs
	}
	r.logs.CompareAndSwap(nil, &sampledLogs{ratelimit.NewSampledLog(5, 50), ratelimit.NewSampledLog(5, 100)})
	return r.logs.Load()
}

// isFirstOfAnswer tells whether the current answer has not logged the error's cause before.
func isFirstOfAnswer(ctx context.Context, err error) bool {
	causes, ok := ctx.Value(loggedCausesKey{}).(*loggedCauses)
	return !ok || causes.add(err)
}

// maxLoggedCauses is the number of lines that an answer may write to the log. A fault in a list
// fails once for each of its entries.
const maxLoggedCauses = 5

type loggedCausesKey struct{}

// loggedCauses are the causes that an answer, or an event of a stream, has written to the log.
type loggedCauses struct {
	mu     sync.Mutex
	causes []string
}

// add tells whether the error should be logged. Its cause is the first line of the innermost error:
// outer errors add the field's path and its ids, and a panic adds its stack below the first line.
func (l *loggedCauses) add(err error) bool {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	cause, _, _ := strings.Cut(err.Error(), "\n")
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.causes) == maxLoggedCauses || slices.Contains(l.causes, cause) {
		return false
	}
	l.causes = append(l.causes, cause)
	return true
}

// logCausesOnce gives each answer an empty list of logged causes.
type logCausesOnce struct{}

func (logCausesOnce) ExtensionName() string { return "LogCausesOnce" }

func (logCausesOnce) Validate(graphql.ExecutableSchema) error { return nil }

func (logCausesOnce) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	return next(context.WithValue(ctx, loggedCausesKey{}, &loggedCauses{}))
}

// recoverPanic masks a panic. presentError logs it with the nearest 8 KB of its stack; a whole
// stack has 30 KB.
func (r *Resolver) recoverPanic(_ context.Context, cause any) error {
	return &apierror.Error{Code: apierror.Internal, Message: internalMessage,
		Err: fmt.Errorf("panic: %.1000v\n%.8000s", cause, debug.Stack())}
}
