package server

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// prefixed is a router below a path prefix, which answers with the path that it was asked for.
func prefixed(prefix string) http.Handler {
	mux := http.NewServeMux()
	echo := func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) }
	mux.HandleFunc("/{$}", echo)
	mux.HandleFunc("/graphql", echo)
	return stripPublicPath(prefix, mux, mux)
}

func TestPublicPathIsTakenOffWhereTheProxyLeftIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ prefix, path, want string }{
		{"", "/graphql", "/graphql"},
		{"/pay/api", "/graphql", "/graphql"},
		{"/pay/api", "/pay/api/graphql", "/graphql"},
		{"/pay/api", "/pay/api/", "/"},
		{"/graphql", "/graphql", "/graphql"},
		{"/graphql", "/graphql/graphql", "/graphql"},
	} {
		answer := httptest.NewRecorder()
		prefixed(test.prefix).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, test.path, nil))
		if answer.Code != http.StatusOK || answer.Body.String() != test.want {
			t.Errorf("below %q, %s: %d %s, want %s", test.prefix, test.path, answer.Code, answer.Body, test.want)
		}
	}
	for _, path := range []string{"/pay/apigraphql", "/pay/graphql", "/pay/api/pay/api/graphql"} {
		answer := httptest.NewRecorder()
		prefixed("/pay/api").ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if answer.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, answer.Code)
		}
	}
}

func TestPublicPathItselfRedirectsToThePathsBelowIt(t *testing.T) {
	t.Parallel()
	answer := httptest.NewRecorder()
	prefixed("/pay/api").ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/pay/api?status=paid", nil))
	if to := answer.Header().Get("Location"); to != "/pay/api/?status=paid" {
		t.Errorf("%d to %q", answer.Code, to)
	}
}

func TestUnknownRoutesAreLoggedAtALowRate(t *testing.T) {
	t.Parallel()
	mux, lines := http.NewServeMux(), new(bytes.Buffer)
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	handler := logUnknownRoutes(slog.New(slog.NewTextHandler(lines, nil)), mux)
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/healthz", nil))
	if lines.Len() != 0 {
		t.Errorf("a known route is logged: %s", lines)
	}
	for range 100 {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/webhook/iamport"+strings.Repeat("x", 1000), nil))
	}
	if !strings.Contains(lines.String(), `method=POST path=/webhook/iamport`) {
		t.Errorf("the log has no such line: %.300s", lines)
	}
	if n := strings.Count(lines.String(), "\n"); n > 15 || lines.Len() > n*350 {
		t.Errorf("the log has %d lines, %d bytes", n, lines.Len())
	}
}
