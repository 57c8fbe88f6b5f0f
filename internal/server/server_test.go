package server

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestHeadersMayTakeNoLongerThanARequest(t *testing.T) {
	t.Parallel()
	server := newHTTPServer(nil, slog.New(slog.DiscardHandler))
	if server.ReadHeaderTimeout <= 0 || server.ReadHeaderTimeout > server.ReadTimeout {
		t.Errorf("headers may take %s, a request %s", server.ReadHeaderTimeout, server.ReadTimeout)
	}
}

func TestTheFirstMiddlewareIsTheOutermost(t *testing.T) {
	t.Parallel()
	var passed string
	named := func(name string) wrapper {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				passed += name
				next.ServeHTTP(w, r)
			})
		}
	}
	handler := wrapInChain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed += "handler" }), []wrapper{named("a "), named("b ")})
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if passed != "a b handler" {
		t.Errorf("a request passed %s", passed)
	}
}
