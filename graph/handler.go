// Package graph is GraphQL in, GraphQL out: the resolvers bind schema.graphqls to the domain, the
// presenter turns errors into the closed list of codes. There is no logic about money here.
package graph

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"pointcharge/internal/point"
)

const (
	maxBody   = 64 << 10 // bytes of a request
	maxTokens = 1000     // of a query; validation costs up to 80 ms of CPU at this length (measured on gqlparser 2.5.64)
	maxCached = 500      // parsed queries, each at most maxBody long
	// maxTime is how long an operation may take; the gateway's own deadline is shorter.
	maxTime = 30 * time.Second
)

// Handler serves POST requests. The caller's identity comes from auth's middleware in front of it.
func (r *Resolver) Handler() http.Handler {
	schema := NewExecutableSchema(Config{Resolvers: r})
	server := handler.New(schema)
	server.AddTransport(transport.POST{})
	server.AddTransport(unsupported{})
	server.SetParserTokenLimit(maxTokens)
	server.SetDisableSuggestion(true)
	server.SetValidationRulesFn(strictRules)
	server.Use(exactVariables{schema.Schema()})
	server.Use(limits{})
	server.Use(gatewayLimit{r.GatewayLimit})
	server.SetQueryCache(lru.New[*ast.QueryDocument](maxCached))
	server.SetErrorPresenter(r.present)
	server.SetRecoverFunc(r.recoverPanic)
	if r.Introspection {
		server.Use(extension.Introspection{})
	} else {
		server.Use(closed{})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ctx, cancel := context.WithTimeout(req.Context(), maxTime)
		defer cancel()
		w.Header().Set("Cache-Control", "no-store")
		req.Body = http.MaxBytesReader(w, req.Body, maxBody)
		server.ServeHTTP(w, req.WithContext(ctx))
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			r.Log.WarnContext(ctx, "an operation took too long", "limit", maxTime)
		}
	})
}

// optional makes null of what is not there.
func optional[T any](found T, err error) (*T, error) {
	if point.CodeOf(err) == point.NotFound {
		return nil, nil
	}
	return &found, err
}

// unsupported is the last transport: it answers what POST does not take, with a code like every refusal.
type unsupported struct{}

func (unsupported) Supports(*http.Request) bool { return true }

func (unsupported) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	status := http.StatusUnsupportedMediaType
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		status = http.StatusMethodNotAllowed
	}
	answer := exec.DispatchError(r.Context(), gqlerror.List{gqlerror.Errorf("Only POST with application/json is supported.")})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
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
