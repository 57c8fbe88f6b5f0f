package middleware_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"pointcharge/internal/middleware"
)

func TestAllowOriginsComparesOriginsExactly(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		origins []string
		origin  string
		allowed bool
	}{
		{nil, "https://a.example", false},
		{nil, "null", false},
		{[]string{"https://a.example"}, "https://a.example", true},
		{[]string{"capacitor://localhost", "ionic://localhost"}, "capacitor://localhost", true},
		{[]string{"capacitor://localhost", "ionic://localhost"}, "ionic://localhost", true},
		{[]string{"ionic://localhost"}, "capacitor://localhost", false},
		{[]string{"https://a.example"}, "http://a.example", false},
		{[]string{"https://a.example"}, "https://a.example.evil", false},
		{[]string{"https://a.example"}, "https://A.example", false},
		{[]string{"https://a.example", "*"}, "https://b.example", true},
	} {
		h := middleware.CORS{Origins: test.origins}.Allow(http.NotFoundHandler(), http.HandlerFunc(answerOK))
		post := send(h, http.MethodPost, "Origin", test.origin, "Sec-Fetch-Site", "cross-site")
		get := send(h, http.MethodGet, "Origin", test.origin, "Sec-Fetch-Site", "cross-site")
		readable := get.Header.Get("Access-Control-Allow-Origin") == test.origin
		// 404 comes from the refuse handler.
		want := map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[test.allowed]
		if post.StatusCode != want || get.StatusCode != http.StatusOK || readable != test.allowed {
			t.Errorf("%v, %s: POST %d, GET %d, readable: %t", test.origins, test.origin, post.StatusCode, get.StatusCode, readable)
		}
	}
}

// TestHeadersOfCommonClientsAreAllowed: a preflight that asks for one header too many gets no
// permission at all.
func TestHeadersOfCommonClientsAreAllowed(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	h := middleware.CORS{Origins: []string{"https://a.example", "capacitor://localhost"}, Headers: []string{"X-Tenant"},
		Log: slog.New(slog.NewTextHandler(&logged, nil))}.Allow(http.NotFoundHandler(), http.HandlerFunc(answerOK))
	preflight := func(origin, headers string) *http.Response {
		return send(h, http.MethodOptions, "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", headers)
	}
	for _, headers := range []string{
		"authorization,content-type",
		"apollographql-client-name,apollographql-client-version,authorization,content-type",
		"apollo-require-preflight,content-type,x-apollo-operation-name",
		"authorization,baggage,content-type,sentry-trace",
		"authorization,content-type,traceparent,tracestate",
		"authorization,content-type,x-requested-with",
		"accept,authorization,content-type,x-tenant",
	} {
		for _, origin := range []string{"https://a.example", "capacitor://localhost"} {
			answer := preflight(origin, headers).Header
			if answer.Get("Access-Control-Allow-Origin") != origin || answer.Get("Access-Control-Allow-Credentials") != "true" {
				t.Errorf("%s, %s: %v", origin, headers, answer)
			}
		}
	}
	if logged.Len() > 0 {
		t.Errorf("logged %s", &logged)
	}
	for range 100 {
		if answer := preflight("https://a.example", "content-type,x-secret"); answer.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("an unknown header is allowed: %v", answer.Header)
		}
	}
	preflight("https://b.example", "content-type")
	if got := logged.String(); !strings.Contains(got, "the header x-secret is not in CORS_HEADERS") || strings.Count(got, "\n") > 4 {
		t.Errorf("logged %s", got)
	}
}

func TestARefusedOriginIsLogged(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	h := middleware.CORS{Log: slog.New(slog.NewTextHandler(&logged, nil))}.Allow(http.NotFoundHandler(), http.HandlerFunc(answerOK))
	send(h, http.MethodPost, "Origin", "https://b.example", "Sec-Fetch-Site", "cross-site")
	if got := logged.String(); !strings.Contains(got, "origin=https://b.example") || !strings.Contains(got, "CORS_ORIGINS") {
		t.Errorf("logged %s", got)
	}
}
