package gqlhttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// responder writes the response of one request, in the media type that its Accept header prefers.
type responder struct {
	Options
	http.ResponseWriter

	media string
	exec  graphql.GraphExecutor
}

// statusMalformed stands for 400 before the first edition of GraphQL over HTTP, and for 422 since.
const statusMalformed = 0

func (a responder) writeRefusal(r *http.Request, err error) {
	refused, _ := errors.AsType[Refusal](err)
	if refused.Status == statusMalformed {
		refused.Status = http.StatusBadRequest
		if a.FirstEdition && a.media == graphqlJSON {
			refused.Status = http.StatusUnprocessableEntity
		}
	}
	a.writeResponse(refused.Status, a.exec.DispatchError(r.Context(), errorList(refused.Err)))
}

// failureStatus is the status of a well-formed request whose document, operation or variables are
// wrong. A Refusal has a status of its own.
func (a responder) failureStatus(errs gqlerror.List) int {
	refused, ok := errors.AsType[Refusal](errs[0].Err)
	switch {
	case ok:
		return refused.Status
	case a.media == plainJSON:
		return http.StatusOK
	case a.FirstEdition && errs[0].Extensions["code"] != errcode.ParseFailed:
		return http.StatusUnprocessableEntity
	}
	return http.StatusBadRequest
}

// statusPartialSuccess means a response with data and errors. The status is not registered.
const statusPartialSuccess = 294

// successStatus is the status of an operation that was executed.
func (a responder) successStatus(response *graphql.Response) int {
	switch {
	case a.media == plainJSON:
		return http.StatusOK
	case response.Data == nil:
		return http.StatusServiceUnavailable
	case a.FirstEdition && len(response.Errors) > 0:
		return statusPartialSuccess
	}
	return http.StatusOK
}

// writeTimeout is the client's time to read a response. The response stays in memory until then.
const writeTimeout = 10 * time.Second

func (a responder) writeResponse(status int, response *graphql.Response) {
	body := encodeResponse(response, response.Extensions)
	a.Header().Set("Content-Type", a.media+"; charset=utf-8")
	setRetryAfter(a.Header(), status, response.Errors)
	a.Header().Set("Content-Length", strconv.Itoa(len(body)))
	// Servers of net/http support the deadline.
	_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(time.Now().Add(writeTimeout))
	a.WriteHeader(status)
	_, _ = a.Write(body)
}

// encodeResponse leaves the field data out when nothing was executed. It panics when gqlgen
// produced invalid JSON; gqlgen's server and the stream recover.
func encodeResponse(response *graphql.Response, extensions map[string]any) []byte {
	text, err := json.Marshal(struct {
		Errors     gqlerror.List   `json:"errors,omitempty"`
		Data       json.RawMessage `json:"data,omitempty"`
		Extensions map[string]any  `json:"extensions,omitempty"`
	}{response.Errors, response.Data, extensions})
	if err != nil {
		panic(fmt.Sprintf("a response cannot be encoded: %v", err))
	}
	return text
}
