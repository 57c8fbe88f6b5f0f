package outgoing_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"pointcharge/internal/outgoing"
)

func TestRedirects(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "plain") }))
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/down":
			http.Redirect(w, r, plain.URL, http.StatusFound)
		case "/moved":
			http.Redirect(w, r, "/here", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		}
	}))
	t.Cleanup(secure.Close)
	client := outgoing.NewClient(secure.Client().Transport)
	for name, test := range map[string]struct {
		method, path, token string
		want                int // 0: an error
	}{
		"from https to http":     {http.MethodGet, "/down", "", 0},
		"within https":           {http.MethodGet, "/moved", "", http.StatusOK},
		"without an end":         {http.MethodGet, "/loop", "", 0},
		"with a token":           {http.MethodGet, "/moved", "Bearer x", http.StatusFound},
		"of a call with a body":  {http.MethodPost, "/moved", "", http.StatusFound},
		"of a token to http":     {http.MethodGet, "/down", "Bearer x", http.StatusFound},
		"no redirect, no matter": {http.MethodGet, "/here", "", http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := httptest.NewRequestWithContext(t.Context(), test.method, secure.URL+test.path, nil)
			request.RequestURI = ""
			request.Header.Set("Authorization", test.token)
			status := 0
			if response, err := client.Do(request); err == nil {
				status = response.StatusCode
				_ = response.Body.Close()
			}
			if status != test.want {
				t.Errorf("status %d, want %d", status, test.want)
			}
		})
	}
}
