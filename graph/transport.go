package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"pointcharge/internal/gqlguard"
)

// The three transports are GraphQL over HTTP as its audit suite wants it: query by GET, everything by POST with
// JSON, a refusal of the rest. gqlgen's own answer 422 where application/json wants 200, write "data": null where
// there are no data, and show a body that is no JSON to whoever sent it.
type (
	post  struct{ exchange }
	get   struct{ exchange }
	other struct{ exchange }
)

func (post) Supports(r *http.Request) bool { return r.Method == http.MethodPost }
func (get) Supports(r *http.Request) bool  { return r.Method == http.MethodGet }
func (other) Supports(*http.Request) bool  { return true }

func (t post) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	t.serve(w, r, exec, t.read)
}

func (t get) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	t.serve(w, r, exec, t.read)
}

func (t other) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	t.serve(w, r, exec, func(http.ResponseWriter, *http.Request) (*graphql.RawParams, error) {
		w.Header().Set("Allow", "GET, POST")
		return nil, mistake{http.StatusMethodNotAllowed, "Only GET and POST are supported."}
	})
}

// mistake is a request that never becomes an operation, with the status that says so in any media type.
type mistake struct {
	status  int
	message string
}

func (m mistake) Error() string { return m.message }

// read takes the parameters out of a JSON body.
func (t post) read(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, error) {
	media, options, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := options["charset"]; err != nil || media != plainJSON || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, mistake{http.StatusUnsupportedMediaType, "A body must be application/json in UTF-8."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(t.limits.Body)))
	if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, mistake{http.StatusRequestEntityTooLarge, gqlguard.Over("A body", tooLong.Limit, "bytes", "GRAPHQL_MAX_BODY")}
	}
	var given parameters
	if err != nil || json.Unmarshal(body, &given) != nil || given == nil {
		return nil, mistake{http.StatusBadRequest, "The body is not a JSON object."}
	}
	return t.params(given)
}

// maxAddress is in bytes: what every program on the way takes (RFC 9110 §4.1), and less than net/http lets a header have,
// so that it is we who refuse.
const maxAddress = 8 << 10

// read takes the parameters out of the address.
func (t get) read(_ http.ResponseWriter, r *http.Request) (*graphql.RawParams, error) {
	if limit := min(maxAddress, t.limits.Body); len(r.URL.RawQuery) > limit {
		return nil, mistake{http.StatusRequestURITooLong, fmt.Sprintf("Behind its ? an address has at most %d bytes. Send more by POST.", limit)}
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, mistake{http.StatusBadRequest, "The address is not well-formed."}
	}
	given := parameters{}
	for _, name := range []string{"query", "operationName", "documentId"} {
		if values.Get(name) != "" {
			given[name], _ = json.Marshal(values.Get(name)) // a string always is JSON
		}
	}
	for _, name := range []string{"variables", "extensions"} {
		if values.Get(name) != "" {
			given[name] = json.RawMessage(values.Get(name))
		}
	}
	return t.params(given)
}

// parameters are a request's, by their exact names: a struct would also take "Query" for query.
type parameters map[string]json.RawMessage

// params are the parameters as gqlgen takes them. A request may name a trusted document instead of sending one.
func (e exchange) params(given parameters) (*graphql.RawParams, error) {
	raw, documentID := &graphql.RawParams{}, ""
	for name, to := range map[string]any{"query": &raw.Query, "operationName": &raw.OperationName, "documentId": &documentID,
		"variables": &raw.Variables, "extensions": &raw.Extensions} {
		if decode(given[name], to) != nil {
			return nil, mistake{statusMalformed, "The parameter " + name + " is not of its type."}
		}
	}
	if documentID != "" {
		raw.Extensions = gqlguard.WithDocument(raw.Extensions, documentID)
	}
	if raw.Query == "" && gqlguard.DocumentHash(raw.Extensions) == "" {
		return nil, mistake{statusMalformed, "The parameter query is missing."}
	}
	return raw, nil
}

func decode(given json.RawMessage, to any) error {
	if given == nil {
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(string(given)))
	decoder.UseNumber()
	if err := decoder.Decode(to); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) { // GET: something follows
		return errors.New("more than one value")
	}
	return nil
}

// exchange is what the transports have in common: one request, one answer.
type exchange struct {
	limits gqlguard.Limits
	// draft answers with the statuses of the specification's first edition instead of the draft's before it.
	draft bool
}

type reader func(http.ResponseWriter, *http.Request) (*graphql.RawParams, error)

func (e exchange) serve(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor, read reader) {
	media, ok := negotiate(r.Header.Values("Accept"))
	a := answer{exchange: e, ResponseWriter: w, media: media, exec: exec}
	if !ok {
		a.refuse(r, mistake{http.StatusNotAcceptable, "The answer is " + plainJSON + " or " + graphqlJSON + "."})
		return
	}
	raw, err := read(w, r)
	if err != nil {
		a.refuse(r, err)
		return
	}
	ctx := r.Context()
	op, errs := exec.CreateOperationContext(ctx, raw)
	switch {
	case errs != nil:
		a.write(a.failure(errs), exec.DispatchError(graphql.WithOperationContext(ctx, op), errs))
	case op.Operation.Operation == ast.Subscription:
		a.refuse(r, mistake{statusMalformed, "A subscription is answered at /graphql/stream."})
	case op.Operation.Operation != ast.Query && r.Method == http.MethodGet:
		w.Header().Set("Allow", http.MethodPost)
		a.refuse(r, mistake{http.StatusMethodNotAllowed, "GET is for queries. Send a mutation by POST."})
	default:
		responses, ctx := exec.DispatchOperation(ctx, op)
		response := responses(ctx)
		if response == nil { // the operation's time is over, or the client has left
			response = exec.DispatchError(ctx, gqlerror.List{gqlerror.Wrap(ctx.Err())})
		}
		a.write(a.success(response), response)
	}
}

// answer is a request's, in the media type that its Accept header prefers.
type answer struct {
	exchange
	http.ResponseWriter
	media string
	exec  graphql.GraphExecutor
}

// statusMalformed is 400 before the first edition, 422 since.
const statusMalformed = 0

func (a answer) refuse(r *http.Request, err error) {
	m, _ := errors.AsType[mistake](err)
	if m.status == statusMalformed {
		m.status = http.StatusBadRequest
		if a.draft && a.media == graphqlJSON {
			m.status = http.StatusUnprocessableEntity
		}
	}
	a.write(m.status, a.exec.DispatchError(r.Context(), gqlerror.List{gqlerror.Errorf("%s", m.message)}))
}

// failure is the status of a well-formed request whose document, operation or variables are wrong.
func (a answer) failure(errs gqlerror.List) int {
	switch {
	case a.media == plainJSON:
		return http.StatusOK
	case a.draft && errs[0].Extensions["code"] != errcode.ParseFailed:
		return http.StatusUnprocessableEntity
	}
	return http.StatusBadRequest
}

// statusPartial says that there are data and errors; no registry knows it.
const statusPartial = 294

// success is the status of an operation that was executed.
func (a answer) success(response *graphql.Response) int {
	switch {
	case a.media == plainJSON:
		return http.StatusOK
	case response.Data == nil:
		return http.StatusServiceUnavailable
	case a.draft && len(response.Errors) > 0:
		return statusPartial
	}
	return http.StatusOK
}

// writeTime is how long a reader may take for an answer, which is kept in memory meanwhile.
const writeTime = 10 * time.Second

func (a answer) write(status int, response *graphql.Response) {
	body, err := json.Marshal(struct {
		Errors     gqlerror.List   `json:"errors,omitempty"`
		Data       json.RawMessage `json:"data,omitempty"`
		Extensions map[string]any  `json:"extensions,omitempty"`
	}{response.Errors, response.Data, response.Extensions})
	if err != nil {
		panic(err) // gqlgen wrote what is not JSON; its server answers
	}
	a.Header().Set("Content-Type", a.media+"; charset=utf-8")
	a.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(time.Now().Add(writeTime)) // every server of ours can
	a.WriteHeader(status)
	_, _ = a.Write(body)
}
