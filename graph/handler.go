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
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"pointcharge/internal/point"
)

// maxCached is how many documents are kept with what they were parsed to.
const maxCached = 500

// maxCachedDocument is in bytes: what a document was parsed to keeps all of its text, and a program's own are shorter.
const maxCachedDocument = 8 << 10

// shortOnly is a cache that long documents are not kept in.
type shortOnly struct {
	graphql.Cache[*ast.QueryDocument]
}

func (c shortOnly) Add(ctx context.Context, text string, document *ast.QueryDocument) {
	if len(text) <= maxCachedDocument {
		c.Cache.Add(ctx, text, document)
	}
}

// Handler serves GET and POST requests. The caller's identity comes from auth's middleware in front of it.
func (r *Resolver) Handler() http.Handler {
	limits := r.Limits.withDefaults()
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
	limits := r.Limits.withDefaults()
	schema := executable(r)
	valid := shortOnly{lru.New[*ast.QueryDocument](maxCached)}
	server := handler.New(schema)
	for _, transport := range transports {
		server.AddTransport(transport)
	}
	server.SetParserTokenLimit(limits.Tokens + 1)
	server.SetDisableSuggestion(true)
	server.SetValidationRulesFn(strictRules)
	server.SetQueryCache(valid)
	server.SetErrorPresenter(r.present)
	server.SetRecoverFunc(r.recoverPanic)
	server.Use(logOnceEach{})
	server.Use(trust{r.Trusted, r.Log})
	server.Use(limiter{Limits: limits, valid: valid, widths: widthsOf(schema.Schema())})
	server.Use(exactVariables{schema.Schema()})
	server.Use(gatewayLimit{r.GatewayLimit})
	if r.Introspection {
		server.Use(extension.Introspection{})
	} else {
		server.Use(closed{})
	}
	return server
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

// closed refuses introspection as the caller's mistake. gqlgen's own refusal looks like any error of a resolver,
// so it would be masked and logged as a fault of ours.
type closed struct{}

func (closed) ExtensionName() string { return "Closed" }

func (closed) Validate(graphql.ExecutableSchema) error { return nil }

func (closed) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
		if field.Name == "__schema" || field.Name == "__type" {
			return gqlerror.Errorf("Introspection is switched off.")
		}
	}
	return nil
}
