package graph

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
	"pointcharge/internal/gqlhttp"
	"pointcharge/internal/middleware"
	"pointcharge/internal/ratelimit"
)

// LimitRate answers 429 to callers that call more often than limit allows, before anything of their
// request is read. It belongs between auth's middleware and Handler.
func LimitRate(limit *ratelimit.Limit, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refusal := takeCall(r.Context(), limit)
		if refusal == nil {
			next.ServeHTTP(w, r)
			return
		}
		writeRefusal(w, http.StatusTooManyRequests, refusal)
	})
}

// LimitConcurrency answers 429 to callers that have as many operations running as limit allows. An
// operation runs until the last byte of its answer is written. LimitConcurrency belongs between
// auth's middleware and Handler; streams have a limit of their own.
func LimitConcurrency(limit *ratelimit.ConcurrencyLimit, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, ok := countedUser(r.Context()); ok {
			leave, ok := limit.Acquire(user, middleware.ClientAddress(r.Context()))
			if !ok {
				writeRefusal(w, http.StatusTooManyRequests,
					&apierror.Error{Code: apierror.RateLimited, Message: "Too many operations are under way.", Params: map[string]any{apierror.ParamRetryAfter: 1}})
				return
			}
			defer leave()
		}
		next.ServeHTTP(w, r)
	})
}

// WriteOriginRefusal answers 403 to the pages of sites that may not call.
func WriteOriginRefusal(w http.ResponseWriter, _ *http.Request) {
	writeRefusal(w, http.StatusForbidden, &apierror.Error{Code: apierror.Forbidden, Message: "Pages of this origin may not call (CORS_ORIGINS)."})
}

// writeRefusal answers a request before its document is read.
func writeRefusal(w http.ResponseWriter, status int, refusal *apierror.Error) {
	gqlhttp.WriteRefusal(w, status, &gqlerror.Error{Message: refusal.Message, Extensions: extensions(refusal)})
}

// takeCall counts one call of the caller, and refuses it when it exceeds the limit.
func takeCall(ctx context.Context, limit *ratelimit.Limit) *apierror.Error {
	user, ok := countedUser(ctx)
	if !ok {
		return nil
	}
	wait := limit.Take(user, middleware.ClientAddress(ctx))
	if wait == 0 {
		return nil
	}
	return &apierror.Error{Code: apierror.RateLimited, Message: "Too many requests.", Params: map[string]any{apierror.ParamRetryAfter: ratelimit.RetryAfterSeconds(wait)}}
}

// costPerCall is the cost of an operation that counts as one call. A dearer one counts as several.
const costPerCall = 100

// admit takes the cost of an operation from what its caller has left. LimitRate has taken one call
// before. The operation is under way until its request's context ends, when the last byte of the
// answer is written. Streams have a limit of their own.
func (r *Resolver) admit(ctx context.Context, operation ast.Operation, price int) error {
	user, ok := countedUser(ctx)
	if !ok {
		return nil
	}
	address, calls := middleware.ClientAddress(ctx), max(1, price/costPerCall)
	if operation != ast.Subscription {
		release, ok := r.CostLimit.AcquireN(user, address, calls)
		if !ok {
			return tooMany(&apierror.Error{Code: apierror.RateLimited, Message: "Too many expensive operations are under way.", Params: map[string]any{apierror.ParamRetryAfter: 1}})
		}
		context.AfterFunc(ctx, release)
	}
	if calls == 1 {
		return nil
	}
	if wait := r.RequestLimit.TakeN(user, address, calls-1); wait > 0 {
		return tooMany(&apierror.Error{Code: apierror.RateLimited, Params: map[string]any{apierror.ParamRetryAfter: ratelimit.RetryAfterSeconds(wait)},
			Message: fmt.Sprintf("Too many requests: this operation counts as %d.", calls)})
	}
	return nil
}

// debit counts what an operation cost beyond its price. The caller's next requests wait for it.
func (r *Resolver) debit(ctx context.Context, price int) {
	if user, ok := countedUser(ctx); ok {
		r.RequestLimit.Debit(user, middleware.ClientAddress(ctx), price/costPerCall)
	}
}

func tooMany(refusal *apierror.Error) error {
	return gqlhttp.Refusal{Status: http.StatusTooManyRequests, Err: refusal}
}

// countedUser returns the user whose limits apply to the caller, "" without a valid token. Calls of
// trusted backends and operators are not counted, because all users of a shop come through them.
func countedUser(ctx context.Context) (user string, ok bool) {
	caller, err := auth.From(ctx)
	if err != nil {
		return "", true
	}
	return caller.UserID, !caller.Has(auth.RoleService) && !caller.Has(auth.RoleAdmin)
}

// gatewayFreeMutations lists the mutations that never call Iamport. Every new mutation is
// rate-limited by default.
func gatewayFreeMutations() []string {
	return []string{"spendPoints", "cancelSpend", "adjustPoints", "upsertChargeProduct"}
}

// limitGatewayCalls refuses mutations that may call Iamport when a caller sends too many of them.
// Iamport's own limits hold for all of our users together. A refused mutation has changed nothing.
type limitGatewayCalls struct{ limit *ratelimit.Limit }

func (limitGatewayCalls) ExtensionName() string { return "LimitGatewayCalls" }

func (limitGatewayCalls) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptField is called for every field of every answer.
func (l limitGatewayCalls) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	field := graphql.GetFieldContext(ctx)
	if field.Object != "Mutation" || slices.Contains(gatewayFreeMutations(), field.Field.Name) {
		return next(ctx)
	}
	if refusal := takeCall(ctx, l.limit); refusal != nil {
		return nil, refusal
	}
	return next(ctx)
}
