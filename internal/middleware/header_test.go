package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"pointcharge/internal/middleware"
)

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

func answer(h http.Handler, method string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, "http://points.example/graphql", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	return recorder.Result()
}

func TestPagesKeepHeadersOfTheirOwn(t *testing.T) {
	t.Parallel()
	page := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "script-src 'self'")
	}
	header := answer(middleware.SecurityHeaders(false, http.HandlerFunc(page)), http.MethodGet).Header
	if header.Get("Content-Security-Policy") != "script-src 'self'" || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", header)
	}
}

func TestOnlyTheConfigurationAsksForTLS(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{true, false} {
		header := answer(middleware.SecurityHeaders(secure, http.HandlerFunc(ok)), http.MethodGet, "X-Forwarded-Proto", "https").Header
		if got := header.Get("Strict-Transport-Security") != ""; got != secure {
			t.Errorf("asked for: %t, want %t", got, secure)
		}
	}
}

func TestOriginsAreComparedAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		origins []string
		origin  string
		may     bool
	}{
		{nil, "https://a.example", false},
		{nil, "null", false},
		{[]string{"https://a.example"}, "https://a.example", true},
		{[]string{"https://a.example"}, "http://a.example", false},
		{[]string{"https://a.example"}, "https://a.example.evil", false},
		{[]string{"https://a.example"}, "https://A.example", false},
		{[]string{"https://a.example", "*"}, "https://b.example", true},
	} {
		h := middleware.AllowOrigins(test.origins, http.NotFoundHandler(), http.HandlerFunc(ok))
		post := answer(h, http.MethodPost, "Origin", test.origin, "Sec-Fetch-Site", "cross-site")
		get := answer(h, http.MethodGet, "Origin", test.origin, "Sec-Fetch-Site", "cross-site")
		allowed := get.Header.Get("Access-Control-Allow-Origin") == test.origin
		want := map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[test.may] // as the one who refuses says
		if post.StatusCode != want || get.StatusCode != http.StatusOK || allowed != test.may {
			t.Errorf("%v, %s: POST %d, GET %d, may read: %t", test.origins, test.origin, post.StatusCode, get.StatusCode, allowed)
		}
	}
}
