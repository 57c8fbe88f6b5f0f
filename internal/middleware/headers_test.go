package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"pointcharge/internal/middleware"
)

func answerOK(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

func send(h http.Handler, method string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, "http://points.example/graphql", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	return recorder.Result()
}

func TestHandlersKeepTheirOwnHeaders(t *testing.T) {
	t.Parallel()
	page := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "script-src 'self'")
	}
	header := send(middleware.SecurityHeaders(false, http.HandlerFunc(page)), http.MethodGet).Header
	if header.Get("Content-Security-Policy") != "script-src 'self'" || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", header)
	}
}

func TestOnlyTheConfigurationSetsStrictTransportSecurity(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{true, false} {
		header := send(middleware.SecurityHeaders(secure, http.HandlerFunc(answerOK)), http.MethodGet, "X-Forwarded-Proto", "https").Header
		if got := header.Get("Strict-Transport-Security") != ""; got != secure {
			t.Errorf("Strict-Transport-Security is set: %t, want %t", got, secure)
		}
	}
}
