package graph

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"pointcharge/internal/point"
)

// present is the one place where an error becomes an answer: a code of the closed list and a message
// that is safe to show. What is not for strangers goes to the log, once, here.
func (r *Resolver) present(ctx context.Context, err error) *gqlerror.Error {
	shown := &gqlerror.Error{Path: graphql.GetPath(ctx)}
	ended := ctx.Err() != nil && errors.Is(err, ctx.Err())
	refusal, ok := errors.AsType[*point.Error](err)
	if !ok && ended { // the operation's time may be over
		refusal, ok = errors.AsType[*point.Error](context.Cause(ctx))
	}
	if ok {
		shown.Message = refusal.Message
		shown.Extensions = extensions(refusal)
		r.logRefusal(ctx, refusal.Code, err)
		return shown
	}
	// gqlgen's own errors carry nothing inside: the request itself is wrong. Their messages quote the
	// request, so they are bounded.
	if own, ok := errors.AsType[*gqlerror.Error](err); ok && own.Err == nil {
		shown.Message = fmt.Sprintf("%.300s", own.Message)
		shown.Locations = own.Locations
		shown.Extensions = map[string]any{"code": point.InvalidArgument}
		return shown
	}
	if !ended { // a client that left is no fault
		r.Log.ErrorContext(ctx, "internal error", "path", shown.Path.String(), "err", err)
	}
	shown.Message = internalMessage
	shown.Extensions = map[string]any{"code": point.Internal}
	return shown
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

// logRefusal logs what an operator should know of; refusals that are the caller's own doing are no news.
func (r *Resolver) logRefusal(ctx context.Context, code point.Code, err error) {
	switch code {
	case point.Internal:
		r.Log.ErrorContext(ctx, "internal error", "err", err)
	case point.GatewayUnavailable, point.PaymentMismatch:
		r.Log.WarnContext(ctx, "refused", "err", err)
	}
}

// recoverPanic masks a panic; present logs it with its stack.
func (r *Resolver) recoverPanic(_ context.Context, cause any) error {
	return &point.Error{Code: point.Internal, Message: internalMessage,
		Err: fmt.Errorf("panic: %v\n%s", cause, debug.Stack())}
}
