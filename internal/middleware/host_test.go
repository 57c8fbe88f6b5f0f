package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"pointcharge/internal/middleware"
)

func TestRestrictHostsAnswersOwnHostsOnly(t *testing.T) {
	t.Parallel()
	handler := middleware.RestrictHosts([]string{"shop.example"}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for host, status := range map[string]int{
		"127.0.0.1": 200, "127.0.0.1:8080": 200, "127.9.9.9:1": 200, "localhost:3000": 200, "LOCALHOST": 200, "localhost.": 200,
		"shop.localhost:80": 200, "[::1]:8080": 200, "[::1]": 200, "10.0.2.2:8080": 200, "shop.example": 200, "Shop.Example:443": 200,
		"": 421, "evil.example": 421, "evil.example:8080": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421,
		"evillocalhost": 421, "shop.example.evil.example": 421, "a.shop.example": 421, "2130706433": 421, "0x7f.1": 421,
		"127.0.0.1@evil.example": 421, "localhost:80:80": 421,
	} {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.Host = host
		answer := httptest.NewRecorder()
		if handler.ServeHTTP(answer, request); answer.Code != status {
			t.Errorf("%q: %d, want %d", host, answer.Code, status)
		}
	}
}
