package gqlhttp_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/handler/testserver"

	"pointcharge/internal/gqlguard"
	"pointcharge/internal/gqlhttp"
)

// newHandler serves gqlgen's schema for tests: Query has name and find, Mutation and Subscription
// name.
func newHandler() http.Handler {
	return gqlhttp.Handler(testserver.New().Server, gqlhttp.Options{Limits: gqlguard.Limits{Body: 200}, Log: slog.New(slog.DiscardHandler)})
}

func send(h http.Handler, method, address, accept, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, address, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestARequestHasOneStatusForEachWayItIsWrong(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		method, address, body string
		status                int
		message               string
	}{
		{"GET", "/?query=" + url.QueryEscape("{ name }"), "", 200, ""},
		{"POST", "/", `{"query":"{ name }"}`, 200, ""},
		{"PUT", "/", `{"query":"{ name }"}`, 405, "Only GET and POST are supported."},
		{"POST", "/", `{"query":"subscription { name }"}`, 400, "A subscription is answered at /graphql/stream."},
		{"GET", "/?query=" + url.QueryEscape("mutation { name }"), "", 405, "GET is for queries. Send a mutation by POST."},
		{"POST", "/", `[]`, 400, "The body is not a JSON object."},
		{"POST", "/", `{"query":1}`, 400, "The parameter query is not of its type."},
		{"POST", "/", `{}`, 400, "The parameter query is missing."},
		{"POST", "/", `{"query":"` + strings.Repeat("x", 200) + `"}`, 413, "A body has at most 200 bytes (GRAPHQL_MAX_BODY)."},
		{"GET", "/?query=" + strings.Repeat("x", 200), "", 414, "Behind its ? an address has at most 200 bytes. Send more by POST."},
		{"GET", "/?query=%zz", "", 400, "The address is not well-formed."},
		{"GET", "/?query=x&variables={}{}", "", 400, "The parameter variables is not of its type."},
	} {
		w := send(newHandler(), test.method, test.address, "", test.body)
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.message) || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s %s: %d %s, want %d %s", test.method, test.address, test.body, w.Code, w.Body, test.status, test.message)
		}
	}
}
