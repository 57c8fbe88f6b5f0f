// Package gqlhttp is GraphQL over HTTP: queries by GET and everything by POST with one response
// each, subscriptions as server-sent events. It negotiates media types, bounds bodies and times,
// and chooses statuses as the audit suite graphql-http expects them.
package gqlhttp

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"pointcharge/internal/gqlguard"
	"pointcharge/internal/ratelimit"
)

// Options are what both handlers have in common.
type Options struct {
	// Limits bound a request's body and an operation's time. A field that is 0 means its default.
	Limits gqlguard.Limits
	// FirstEdition answers application/graphql-response+json with the statuses of the first edition
	// of GraphQL over HTTP: 422 for a request that cannot be executed, 294 for data with errors.
	FirstEdition bool
	Log          *slog.Logger
}

// Handler serves queries by GET and everything but subscriptions by POST. It adds its transports to
// server. gqlgen's own transports answer 422 where application/json wants 200, write "data": null
// where there are no data, and repeat a malformed body to its sender.
func Handler(server *handler.Server, o Options) http.Handler {
	o.Limits = o.Limits.WithDefaults()
	server.AddTransport(post{o})
	server.AddTransport(get{o})
	server.AddTransport(otherMethods{o})
	timeout, slow := o.Limits.Time, newSlowLog()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeoutCause(r.Context(), timeout, o.Limits.TimeoutError())
		defer cancel()
		w.Header().Set("Cache-Control", "no-store")
		server.ServeHTTP(w, r.WithContext(ctx))
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			slow.Sample(o.Log).WarnContext(ctx, "an operation took too long", "limit", timeout)
		}
	})
}

// newSlowLog bounds the lines about operations that take too long: any caller can make them.
func newSlowLog() *ratelimit.SampledLog { return ratelimit.NewSampledLog(1, 10) }

type (
	post         struct{ Options }
	get          struct{ Options }
	otherMethods struct{ Options }
)

func (post) Supports(r *http.Request) bool { return r.Method == http.MethodPost }

func (get) Supports(r *http.Request) bool { return r.Method == http.MethodGet }

func (otherMethods) Supports(*http.Request) bool { return true }

func (t post) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	t.serveRequest(w, r, exec, t.readBody)
}

func (t get) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	t.serveRequest(w, r, exec, t.readQuery)
}

func (t otherMethods) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	t.serveRequest(w, r, exec, refuseMethod)
}

func refuseMethod(w http.ResponseWriter, _ *http.Request) (*graphql.RawParams, error) {
	w.Header().Set("Allow", "GET, POST")
	return nil, newRefusal(http.StatusMethodNotAllowed, "Only GET and POST are supported.")
}

type readParams func(http.ResponseWriter, *http.Request) (*graphql.RawParams, error)

// serveRequest reads one request, executes its operation and writes one response.
func (o Options) serveRequest(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor, read readParams) {
	media, ok := negotiate(r.Header.Values("Accept"))
	a := responder{Options: o, ResponseWriter: w, media: media, exec: exec}
	if !ok {
		a.writeRefusal(r, newRefusal(http.StatusNotAcceptable, "The answer is "+plainJSON+" or "+graphqlJSON+"."))
		return
	}
	params, err := read(w, r)
	if err != nil {
		a.writeRefusal(r, err)
		return
	}
	ctx := r.Context()
	op, errs := exec.CreateOperationContext(ctx, params)
	switch {
	case errs != nil:
		a.writeResponse(a.failureStatus(errs), exec.DispatchError(graphql.WithOperationContext(ctx, op), errs))
	case op.Operation.Operation == ast.Subscription:
		a.writeRefusal(r, newRefusal(statusMalformed, "A subscription is answered at /graphql/stream."))
	case op.Operation.Operation != ast.Query && r.Method == http.MethodGet:
		w.Header().Set("Allow", http.MethodPost)
		a.writeRefusal(r, newRefusal(http.StatusMethodNotAllowed, "GET is for queries. Send a mutation by POST."))
	default:
		responses, ctx := exec.DispatchOperation(ctx, op)
		response := responses(ctx)
		if response == nil { // the operation's time is over, or the client has left
			response = exec.DispatchError(ctx, gqlerror.List{gqlerror.Wrap(ctx.Err())})
		}
		a.writeResponse(a.successStatus(response), response)
	}
}
