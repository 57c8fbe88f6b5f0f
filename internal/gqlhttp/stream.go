package gqlhttp

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"pointcharge/internal/ratelimit"
)

// StreamOptions are the times of a stream. A field that is 0 means its default.
type StreamOptions struct {
	// Heartbeat is the silence before a comment, so that proxies keep the connection open and a
	// client's departure is noticed; 15 s.
	Heartbeat time.Duration
	// WriteTimeout is the time a client has to make room for an event; 10 s.
	WriteTimeout time.Duration
}

func (o StreamOptions) withDefaults() StreamOptions {
	o.Heartbeat = cmp.Or(o.Heartbeat, 15*time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 10*time.Second)
	return o
}

// OpenStream admits one stream. The stream ends with the returned context, and then calls release.
// The error is a Refusal.
type OpenStream func(http.ResponseWriter, *http.Request) (ctx context.Context, release func(), err error)

// Final is the cause of an end reported to the client, in the stream's last event. A stream with
// any other cause is cut without an event, and the client continues the stream.
type Final struct{ Err error }

func (f Final) Error() string { return f.Err.Error() }

func (f Final) Unwrap() error { return f.Err }

// StreamHandler serves subscriptions as server-sent events: the protocol graphql-sse in its mode of
// distinct connections. StreamHandler adds its transport to server. gqlgen's own transport has no
// limits, no deadlines, no end, and no status but 200.
func StreamHandler(server *handler.Server, o Options, times StreamOptions, open OpenStream) http.Handler {
	o.Limits = o.Limits.WithDefaults()
	server.AddTransport(stream{o, times.withDefaults(), open, newSlowLog()})
	server.Use(subscriptionsOnly{})
	return forbidCompression(server)
}

// forbidCompression tells proxies not to compress the answers of next: a compressing proxy holds
// events back.
func forbidCompression(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store, no-transform")
		next.ServeHTTP(w, r)
	})
}

// stream is the transport. A request refused before its document is read gets a status. After that
// every answer is an event, because an EventSource can only read events.
type stream struct {
	Options

	times StreamOptions
	open  OpenStream
	slow  *ratelimit.SampledLog
}

func (stream) Supports(*http.Request) bool { return true }

func (s stream) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	ctx, release, err := s.open(w, r)
	if err != nil {
		refuseStream(w, r, exec, err)
		return
	}
	defer release()
	params, err := s.readParams(w, r)
	if err != nil {
		refuseStream(w, r, exec, err)
		return
	}
	s.runOperation(ctx, newEventWriter(w, s.times.WriteTimeout), exec, params)
}

// readParams reads the parameters as Handler does.
func (s stream) readParams(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, error) {
	switch r.Method {
	case http.MethodGet:
		return s.readQuery(w, r)
	case http.MethodPost:
		return s.readBody(w, r)
	}
	return refuseMethod(w, r)
}

// refuseStream answers in JSON, before there is a stream.
func refuseStream(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor, err error) {
	refused, _ := errors.AsType[Refusal](err)
	shown := exec.DispatchError(r.Context(), errorList(refused.Err)).Errors[0]
	WriteRefusal(w, cmp.Or(refused.Status, http.StatusBadRequest), shown)
}

// runOperation executes the operation and sends the responses. Only an operation that is over for
// good is completed; a client continues a cut stream.
func (s stream) runOperation(ctx context.Context, events *eventWriter, exec graphql.GraphExecutor, params *graphql.RawParams) {
	defer events.close()
	op, refused := exec.CreateOperationContext(ctx, params)
	ctx, cancel := context.WithCancel(graphql.WithOperationContext(ctx, op))
	defer cancel()
	if refused != nil {
		events.writeComplete(newResult(exec.DispatchError(ctx, refused)))
		return
	}
	responses, ctx := exec.DispatchOperation(ctx, op)
	results := make(chan result)
	go produceResults(ctx, exec, s.limitEventTime(op, responses), results)
	s.sendResults(ctx, events, results)
	if final, ok := errors.AsType[Final](context.Cause(ctx)); ok {
		events.writeComplete(newResult(exec.DispatchError(ctx, errorList(final.Err))))
	}
	cancel()
	for range results { // the producer has stopped reading the database when the stream ends
	}
}

// result is an encoded response. One without data was refused, and is the last one.
type result struct {
	json    []byte
	refused bool
}

func newResult(response *graphql.Response) result {
	return result{encodeResponse(response, nil), response.Data == nil}
}

// produceResults resolves one response after the other, each when the one before was sent.
func produceResults(ctx context.Context, exec graphql.GraphExecutor, responses graphql.ResponseHandler, results chan<- result) {
	defer close(results)
	defer func() {
		if cause := recover(); cause != nil {
			// The presenter logs the panic.
			_ = exec.DispatchError(ctx, errorList(graphql.GetOperationContext(ctx).RecoverFunc(ctx, cause)))
		}
	}()
	for response := responses(ctx); response != nil; response = responses(ctx) {
		select {
		// The response is encoded here, because gqlgen reuses the response's bytes.
		case results <- newResult(response):
		case <-ctx.Done():
			return
		}
	}
}

var errEventTooLong = errors.New("an event took too long")

// limitEventTime cuts the stream at an event that takes longer than the limit of an operation. The
// event's time begins with its first field: until then the stream waits for the event.
func (s stream) limitEventTime(op *graphql.OperationContext, responses graphql.ResponseHandler) graphql.ResponseHandler {
	resolve, startTimer := op.ResolverMiddleware, func() {}
	op.ResolverMiddleware = func(ctx context.Context, next graphql.Resolver) (any, error) {
		startTimer()
		return resolve(ctx, next)
	}
	limit := s.Limits.Time
	return func(ctx context.Context) *graphql.Response {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		timer := time.AfterFunc(limit, func() { cancel(errEventTooLong) })
		defer timer.Stop()
		timer.Stop()
		startTimer = sync.OnceFunc(func() { timer.Reset(limit) })
		response := responses(ctx)
		if errors.Is(context.Cause(ctx), errEventTooLong) {
			s.slow.Sample(s.Log).WarnContext(ctx, "a stream was cut: an event took too long", "limit", limit)
			return nil
		}
		return response
	}
}

// sendResults returns after the last result, or when the client has left.
func (s stream) sendResults(ctx context.Context, events *eventWriter, results <-chan result) {
	heartbeat := time.NewTicker(s.times.Heartbeat)
	defer heartbeat.Stop()
	for err := events.writeComment(); err == nil; {
		select {
		case <-ctx.Done():
			return
		case <-heartbeat.C:
			err = events.writeComment()
		case next, ok := <-results:
			switch {
			// A result resolved during the end of ctx may be incomplete.
			case !ok || ctx.Err() != nil:
				return
			case next.refused:
				events.writeComplete(next)
				return
			}
			err = events.writeNext(next)
			heartbeat.Reset(s.times.Heartbeat)
		}
	}
}

// subscriptionsOnly refuses queries and mutations, and a subscription with its field left out by
// @skip, a case that gqlgen would report as an internal error.
type subscriptionsOnly struct{}

func (subscriptionsOnly) ExtensionName() string { return "SubscriptionsOnly" }

func (subscriptionsOnly) Validate(graphql.ExecutableSchema) error { return nil }

func (subscriptionsOnly) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if op.Operation.Operation != ast.Subscription {
		return gqlerror.Errorf("Only subscriptions are answered here. A %s is at /graphql.", op.Operation.Operation)
	}
	if len(graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Subscription"})) != 1 {
		return gqlerror.Errorf("A subscription has exactly one field.")
	}
	return nil
}
