package graph

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"pointcharge/internal/auth"
	"pointcharge/internal/point"
)

// StreamHandler serves subscriptions as server-sent events: the protocol graphql-sse in its mode of distinct
// connections. gqlgen's own transport has no limits, no deadlines, no end, and no answer but 200.
func (r *Resolver) StreamHandler(pace Pace) http.Handler {
	server := r.server(stream{r, exchange{limits: r.Limits.withDefaults()}, pace.withDefaults()})
	server.Use(subscriptions{})
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		server.ServeHTTP(w, req)
	})
}

// Pace is how a stream is kept up; a zero is its default.
type Pace struct {
	// Heartbeat is after how much silence a comment is sent, so that proxies keep the connection and a reader who has
	// gone is noticed; 15 s.
	Heartbeat time.Duration
	// Patience is how long a reader may take to make room for an event; 10 s.
	Patience time.Duration
}

func (p Pace) withDefaults() Pace {
	if p.Heartbeat == 0 {
		p.Heartbeat = 15 * time.Second
	}
	if p.Patience == 0 {
		p.Patience = 10 * time.Second
	}
	return p
}

var errTokenEnded = errors.New("the token has expired")

// stream is the transport. What is refused before GraphQL is looked at is an answer with a status; after that
// everything is an event, as the protocol wants it: an EventSource cannot read anything else.
type stream struct {
	*Resolver

	exchange exchange
	pace     Pace
}

func (stream) Supports(*http.Request) bool { return true }

func (s stream) Do(w http.ResponseWriter, req *http.Request, exec graphql.GraphExecutor) {
	viewer, err := auth.From(req.Context())
	if err != nil {
		w.Header().Set("WWW-Authenticate", "Bearer")
		s.refuse(w, req, http.StatusUnauthorized, err)
		return
	}
	ctx, leave, err := s.Feed.Acquire(req.Context(), viewer.UserID)
	if err != nil {
		s.refuse(w, req, http.StatusTooManyRequests, err)
		return
	}
	defer leave()
	ctx, cancel := context.WithDeadlineCause(ctx, viewer.ExpiresAt, errTokenEnded)
	defer cancel()
	params, err := s.read(w, req)
	if err != nil {
		m, _ := errors.AsType[mistake](err)
		s.refuse(w, req, cmp.Or(m.status, http.StatusBadRequest), gqlerror.Errorf("%s", m.message))
		return
	}
	s.run(ctx, s.begin(w), exec, params)
}

// read takes the parameters as /graphql does.
func (s stream) read(w http.ResponseWriter, req *http.Request) (*graphql.RawParams, error) {
	switch req.Method {
	case http.MethodGet:
		return get{s.exchange}.read(w, req)
	case http.MethodPost:
		return post{s.exchange}.read(w, req)
	}
	w.Header().Set("Allow", "GET, POST")
	return nil, mistake{http.StatusMethodNotAllowed, "Only GET and POST are supported."}
}

// refuse answers in JSON, before there is a stream.
func (s stream) refuse(w http.ResponseWriter, req *http.Request, status int, err error) {
	shown := s.present(req.Context(), err)
	w.Header().Set("Content-Type", "application/json")
	if wait, ok := shown.Extensions["retryAfter"].(int); ok {
		w.Header().Set("Retry-After", strconv.Itoa(wait))
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": gqlerror.List{shown}})
}

// run executes the operation and sends what comes of it. Only an operation that is over for good is completed; from a
// stream that was cut the client continues.
func (s stream) run(ctx context.Context, to *events, exec graphql.GraphExecutor, params *graphql.RawParams) {
	defer to.end()
	op, refused := exec.CreateOperationContext(ctx, params)
	ctx, cancel := context.WithCancel(graphql.WithOperationContext(ctx, op))
	defer cancel()
	if refused != nil {
		to.complete(encode(exec.DispatchError(ctx, refused)))
		return
	}
	responses, ctx := exec.DispatchOperation(ctx, op)
	results := make(chan result)
	go s.produce(ctx, s.timed(op, responses), results)
	s.send(ctx, to, results)
	if cause := context.Cause(ctx); errors.Is(cause, errTokenEnded) {
		gone := &point.Error{Code: point.Unauthenticated, Message: "The token has expired.", Err: cause}
		to.complete(encode(exec.DispatchError(ctx, gqlerror.List{gqlerror.Wrap(gone)})))
	}
	cancel()
	for range results { // whoever reads the database for this stream has stopped before it ends
	}
}

// result is an encoded response. The first is the last one if the operation was refused: it has no data at all.
type result struct {
	json    []byte
	refused bool
}

// encode leaves gqlgen's data field out when nothing was executed.
func encode(response *graphql.Response) result {
	text, err := json.Marshal(struct {
		Errors gqlerror.List   `json:"errors,omitempty"`
		Data   json.RawMessage `json:"data,omitempty"`
	}{response.Errors, response.Data})
	if err != nil {
		panic(fmt.Sprintf("a response cannot be encoded: %v", err))
	}
	return result{text, response.Data == nil}
}

// produce resolves one response after the other, each only when the one before was sent.
func (s stream) produce(ctx context.Context, responses graphql.ResponseHandler, results chan<- result) {
	defer close(results)
	defer func() {
		if cause := recover(); cause != nil {
			_ = s.present(ctx, s.recoverPanic(ctx, cause)) // logs it
		}
	}()
	for response := responses(ctx); response != nil; response = responses(ctx) {
		select {
		case results <- encode(response): // encoded here, because gqlgen uses the response's bytes again
		case <-ctx.Done():
			return
		}
	}
}

var errEventTooLong = errors.New("an event took too long")

// timed cuts the stream at an event that takes longer than an operation may. Its time begins when its first field is
// resolved: before that the stream waits for it.
func (s stream) timed(op *graphql.OperationContext, responses graphql.ResponseHandler) graphql.ResponseHandler {
	resolve, begin := op.ResolverMiddleware, func() {}
	op.ResolverMiddleware = func(ctx context.Context, next graphql.Resolver) (any, error) {
		begin()
		return resolve(ctx, next)
	}
	limit := s.exchange.limits.Time
	return func(ctx context.Context) *graphql.Response {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		end := time.AfterFunc(limit, func() { cancel(errEventTooLong) })
		defer end.Stop()
		end.Stop()
		begin = sync.OnceFunc(func() { end.Reset(limit) })
		response := responses(ctx)
		if errors.Is(context.Cause(ctx), errEventTooLong) {
			s.Log.WarnContext(ctx, "a stream was cut: an event took too long", "limit", limit)
			return nil
		}
		return response
	}
}

// send returns when there is nothing more to send, or nobody to send it to.
func (s stream) send(ctx context.Context, to *events, results <-chan result) {
	silence := time.NewTicker(s.pace.Heartbeat)
	defer silence.Stop()
	for err := to.comment(); err == nil; {
		select {
		case <-ctx.Done():
			return
		case <-silence.C:
			err = to.comment()
		case found, ok := <-results:
			switch {
			case !ok || ctx.Err() != nil: // what was resolved while ctx ended may be half of it
				return
			case found.refused:
				to.complete(found)
				return
			}
			err = to.next(found)
			silence.Reset(s.pace.Heartbeat)
		}
	}
}

// events writes them. Each has a deadline of its own; the server's are for requests that end.
type events struct {
	http.ResponseWriter

	controller *http.ResponseController
	patience   time.Duration
}

func (s stream) begin(w http.ResponseWriter) *events {
	to := &events{w, http.NewResponseController(w), s.pace.Patience}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep events back
	return to
}

func (e *events) next(found result) error {
	return e.flush(slices.Concat([]byte("event: next\ndata: "), found.json, []byte("\n\n")))
}

// complete sends the last result and says that it is.
func (e *events) complete(last result) {
	if e.next(last) == nil {
		_ = e.flush([]byte("event: complete\ndata:\n\n"))
	}
}

// comment is for nobody. The first one tells the client that it listens from here on.
func (e *events) comment() error { return e.flush([]byte(":\n\n")) }

func (e *events) flush(text []byte) error {
	if err := e.extend(); err != nil {
		return err
	}
	if _, err := e.Write(text); err != nil {
		return err
	}
	return e.controller.Flush()
}

func (e *events) extend() error { return e.controller.SetWriteDeadline(time.Now().Add(e.patience)) }

// end leaves time for the last bytes, which net/http writes.
func (e *events) end() { _ = e.extend() }

// subscriptions refuses every other operation. And it refuses a subscription whose field @skip leaves out, which gqlgen
// takes for a fault of ours.
type subscriptions struct{}

func (subscriptions) ExtensionName() string { return "Subscriptions" }

func (subscriptions) Validate(graphql.ExecutableSchema) error { return nil }

func (subscriptions) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if op.Operation.Operation != ast.Subscription {
		return gqlerror.Errorf("Only subscriptions are answered here. A %s is at /graphql.", op.Operation.Operation)
	}
	if len(graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Subscription"})) != 1 {
		return gqlerror.Errorf("A subscription has exactly one field.")
	}
	return nil
}
