package graph

import (
	"context"
	"net/http"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"pointcharge/internal/auth"
	"pointcharge/internal/edge"
	"pointcharge/internal/gqlhttp"
	"pointcharge/internal/point"
)

// Limited answers 429 to callers who come more often than limit allows, before anything of their
// request is read. It belongs between auth's middleware and Handler.
func Limited(limit *edge.Limit, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refusal := take(r.Context(), limit)
		if refusal == nil {
			next.ServeHTTP(w, r)
			return
		}
		refuse(w, http.StatusTooManyRequests, refusal)
	})
}

// Bounded answers 429 to callers who have as many operations under way as bound allows, until the
// last byte of an answer is written. It belongs where Limited does; streams have a bound of their
// own.
func Bounded(bound *edge.AtOnce, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, ok := counted(r.Context()); ok {
			leave, ok := bound.Enter(user, edge.Client(r.Context()))
			if !ok {
				refuse(w, http.StatusTooManyRequests,
					&point.Error{Code: point.RateLimited, Message: "Too many operations are under way.", RetryAfter: 1})
				return
			}
			defer leave()
		}
		next.ServeHTTP(w, r)
	})
}

// RefuseOrigin answers 403 to the pages of sites that may not call.
func RefuseOrigin(w http.ResponseWriter, _ *http.Request) {
	refuse(w, http.StatusForbidden, &point.Error{Code: point.Forbidden, Message: "Pages of this origin may not call (CORS_ORIGINS)."})
}

// refuse answers before anything of GraphQL is looked at.
func refuse(w http.ResponseWriter, status int, refusal *point.Error) {
	gqlhttp.WriteRefusal(w, status, &gqlerror.Error{Message: refusal.Message, Extensions: extensions(refusal)})
}

// take counts the caller's call, and refuses it when it is one too many.
func take(ctx context.Context, limit *edge.Limit) *point.Error {
	user, ok := counted(ctx)
	if !ok {
		return nil
	}
	wait := limit.Take(user, edge.Client(ctx))
	if wait == 0 {
		return nil
	}
	return &point.Error{Code: point.RateLimited, Message: "Too many requests.", RetryAfter: edge.Seconds(wait)}
}

// counted is the user whose calls the caller's are, "" without a good token. Trusted backends and
// operators are not counted: all of a shop's users come through them.
func counted(ctx context.Context) (user string, ok bool) {
	caller, err := auth.From(ctx)
	if err != nil {
		return "", true
	}
	return caller.UserID, !caller.Has(auth.RoleService) && !caller.Has(auth.RoleAdmin)
}

// apart are the mutations that never ask the gateway. Every other one is counted by gatewayLimit,
// also one that somebody adds and forgets to think of it.
func apart() []string {
	return []string{"spendPoints", "cancelSpend", "adjustPoints", "upsertChargeProduct"}
}

// gatewayLimit refuses mutations that may ask the gateway when a caller asks too often: the gateway
// has limits of its own, for all of our users together. What is refused has changed nothing, like
// every field that has an error.
type gatewayLimit struct{ limit *edge.Limit }

func (gatewayLimit) ExtensionName() string { return "GatewayLimit" }

func (gatewayLimit) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptField is called for every field of every answer.
func (l gatewayLimit) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	field := graphql.GetFieldContext(ctx)
	if field.Object != "Mutation" || slices.Contains(apart(), field.Field.Name) {
		return next(ctx)
	}
	if refusal := take(ctx, l.limit); refusal != nil {
		return nil, refusal
	}
	return next(ctx)
}
