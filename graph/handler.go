// Package graph is the GraphQL API: its resolvers bind schema.graphqls to the domain, and its error
// presenter turns errors into the closed list of codes. It has no logic about money.
package graph

import (
	"context"
	"errors"
	"maps"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/ast"

	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
	"pointcharge/internal/gqlguard"
	"pointcharge/internal/gqlhttp"
)

// Handler serves GET and POST requests. The caller's identity comes from auth's middleware in front
// of it.
func (r *Resolver) Handler() http.Handler { return gqlhttp.Handler(r.server(), r.httpOptions()) }

// StreamHandler serves subscriptions.
func (r *Resolver) StreamHandler(times gqlhttp.StreamOptions) http.Handler {
	return gqlhttp.StreamHandler(r.server(), r.httpOptions(), times, r.openStream)
}

func (r *Resolver) httpOptions() gqlhttp.Options {
	return gqlhttp.Options{Limits: r.Limits, FirstEdition: r.FirstEdition, Log: r.Log}
}

// openStream admits signed-in users, as many streams as the feed has room for, until the token
// expires.
func (r *Resolver) openStream(w http.ResponseWriter, req *http.Request) (context.Context, func(), error) {
	viewer, err := auth.From(req.Context())
	if err != nil {
		w.Header().Set("WWW-Authenticate", "Bearer")
		return nil, nil, gqlhttp.Refusal{Status: http.StatusUnauthorized, Err: err}
	}
	ctx, leave, err := r.Feed.Acquire(req.Context(), viewer.UserID)
	if err != nil {
		return nil, nil, gqlhttp.Refusal{Status: http.StatusTooManyRequests, Err: err}
	}
	expired := &apierror.Error{Code: apierror.Unauthenticated, Message: "The token has expired.",
		Err: &auth.Refusal{Reason: auth.ReasonExpired, Check: "exp", Err: errors.New("it expired while the stream was open")}}
	ctx, cancel := context.WithDeadlineCause(ctx, viewer.ExpiresAt, gqlhttp.Final{Err: expired})
	return ctx, func() { cancel(); leave() }, nil
}

// server returns gqlgen's server without a transport. Cheap checks come before expensive ones.
func (r *Resolver) server() *handler.Server {
	schema := newSchema(r)
	server := handler.New(schema)
	server.SetErrorPresenter(r.presentError)
	server.SetRecoverFunc(r.recoverPanic)
	server.Use(logCausesOnce{})
	r.guard(schema.Schema()).Protect(server)
	server.Use(limitGatewayCalls{r.GatewayLimit})
	return server
}

func (r *Resolver) guard(schema *ast.Schema) gqlguard.Guard {
	return gqlguard.Guard{Schema: schema, Costs: fieldCosts(), Limits: r.Limits, Introspection: r.Introspection, Trusted: r.Trusted,
		Admit: r.admit, Debit: r.debit, Log: r.Log}
}

// ReadTrustedDocuments reads a file of documents that must fit the schema and the limits.
func ReadTrustedDocuments(file string, limits gqlguard.Limits, reportOnly bool) (*gqlguard.TrustedDocuments, error) {
	guard := (&Resolver{Limits: limits}).guard(newSchema(nil).Schema())
	return guard.ReadTrustedDocuments(file, reportOnly)
}

// newSchema returns the schema without @defer, which gqlgen adds. Our transports answer in one
// piece, so deferred fields and their errors would be missing.
func newSchema(r ResolverRoot) graphql.ExecutableSchema {
	schema := *parsedSchema
	schema.Directives = maps.Clone(schema.Directives)
	delete(schema.Directives, "defer")
	return NewExecutableSchema(Config{Schema: &schema, Resolvers: r})
}

// nullIfNotFound returns nil for an object that does not exist or is not the caller's.
func nullIfNotFound[T any](found T, err error) (*T, error) {
	if apierror.CodeOf(err) == apierror.NotFound {
		return nil, nil
	}
	return &found, err
}
