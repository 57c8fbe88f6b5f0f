package middleware_test

import (
	"net/http"
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
		{[]string{"https://a.example"}, "http://a.example", false},
		{[]string{"https://a.example"}, "https://a.example.evil", false},
		{[]string{"https://a.example"}, "https://A.example", false},
		{[]string{"https://a.example", "*"}, "https://b.example", true},
	} {
		h := middleware.AllowOrigins(test.origins, http.NotFoundHandler(), http.HandlerFunc(answerOK))
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
