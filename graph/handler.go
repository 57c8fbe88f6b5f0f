// Package graph is GraphQL in, GraphQL out: the resolvers bind schema.graphqls to the domain, the
// presenter turns errors into the closed list of codes. There is no logic about money here.
package graph

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/ast"

	"pointcharge/internal/gqlguard"
	"pointcharge/internal/point"
)

// Handler serves GET and POST requests. The caller's identity comes from auth's middleware in front of it.
func (r *Resolver) Handler() http.Handler {
	limits := r.Limits.WithDefaults()
	common := exchange{limits: limits, draft: r.Draft}
	server := r.server(post{common}, get{common}, other{common})
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ctx, cancel := context.WithTimeoutCause(req.Context(), limits.Time, timeOver(limits.Time))
		defer cancel()
		w.Header().Set("Cache-Control", "no-store")
		server.ServeHTTP(w, req.WithContext(ctx))
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			r.Log.WarnContext(ctx, "an operation took too long", "limit", limits.Time)
		}
	})
}

// timeOver is what a client learns of an operation that did not end by itself. A transaction that was cut while it was
// committed may have been.
func timeOver(limit time.Duration) error {
	return &point.Error{Code: point.InvalidArgument,
		Message: fmt.Sprintf("An operation has at most %s (GRAPHQL_TIMEOUT). A change may have been made all the same.", limit)}
}

// server is gqlgen's with all that is ours around it, whichever transports it has. What refuses comes in the order
// of what it costs to find out.
func (r *Resolver) server(transports ...graphql.Transport) *handler.Server {
	schema := executable(r)
	server := handler.New(schema)
	for _, transport := range transports {
		server.AddTransport(transport)
	}
	server.SetErrorPresenter(r.present)
	server.SetRecoverFunc(r.recoverPanic)
	server.Use(logOnceEach{})
	r.guard(schema.Schema()).Protect(server)
	server.Use(gatewayLimit{r.GatewayLimit})
	return server
}

func (r *Resolver) guard(schema *ast.Schema) gqlguard.Guard {
	return gqlguard.Guard{Schema: schema, Costs: costs(), Limits: r.Limits, Introspection: r.Introspection, Trusted: r.Trusted, Log: r.Log}
}

// ReadTrustedDocuments reads a file of documents that fit our schema and the limits.
func ReadTrustedDocuments(file string, limits gqlguard.Limits, reportOnly bool) (*gqlguard.TrustedDocuments, error) {
	guard := (&Resolver{Limits: limits}).guard(executable(nil).Schema())
	return guard.ReadTrustedDocuments(file, reportOnly)
}

// costs are what the fields of our schema cost. A statement takes about as long as five fields, and more. The dearer
// look-ups of an order search by more than an id. A list is as long as the domain lets it become.
func costs() gqlguard.Costs {
	return gqlguard.Costs{Object: 5, ListLength: 50, Fields: map[string]int{
		"ChargeOrder.checkout":       1, // nothing is read for it
		"ChargeOrder.transaction":    8,
		"ChargeOrder.virtualAccount": 12,
	}}
}

// executable is the schema without @defer, which gqlgen brings along: its transports answer in one piece, so what was
// deferred would be missing, and so would its errors.
func executable(r ResolverRoot) graphql.ExecutableSchema {
	schema := *parsedSchema
	schema.Directives = maps.Clone(schema.Directives)
	delete(schema.Directives, "defer")
	return NewExecutableSchema(Config{Schema: &schema, Resolvers: r})
}

// optional makes null of what is not there.
func optional[T any](found T, err error) (*T, error) {
	if point.CodeOf(err) == point.NotFound {
		return nil, nil
	}
	return &found, err
}
