package gqlhttp

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Refusal is the error of a request that never becomes an operation. The status is the same in
// every media type.
type Refusal struct {
	Status int
	// Err is presented like any error of an operation.
	Err error
}

func (r Refusal) Error() string { return r.Err.Error() }

func (r Refusal) Unwrap() error { return r.Err }

func newRefusal(status int, message string) Refusal {
	return Refusal{status, gqlerror.Errorf("%s", message)}
}

// errorList is err as gqlgen dispatches errors. The error presenter still finds err itself.
func errorList(err error) gqlerror.List {
	if own, ok := err.(*gqlerror.Error); ok { //nolint:errorlint // an error inside another one is wrapped
		return gqlerror.List{own}
	}
	return gqlerror.List{gqlerror.Wrap(err)}
}

// WriteRefusal answers with a status and one presented error as application/json. An extension
// retryAfter, in seconds, is sent as the header Retry-After, too.
func WriteRefusal(w http.ResponseWriter, status int, shown *gqlerror.Error) {
	w.Header().Set("Content-Type", plainJSON)
	setRetryAfter(w.Header(), status, gqlerror.List{shown})
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": gqlerror.List{shown}})
}

// setRetryAfter copies an error's extension retryAfter, in seconds, into the HTTP header. With
// status 200 only the error has the number, because other fields may have been executed.
func setRetryAfter(header http.Header, status int, shown gqlerror.List) {
	if status == http.StatusOK || len(shown) == 0 {
		return
	}
	if wait, ok := shown[0].Extensions["retryAfter"].(int); ok {
		header.Set("Retry-After", strconv.Itoa(wait))
	}
}
