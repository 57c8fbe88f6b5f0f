package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// sendToHost sends a request to the server under the name of another host.
func (s *visitor) sendToHost(host, method, path, body string) (status int, text string) {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	request.Host = host
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		s.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// TestNoNameOfAnotherSiteLeadsToTheSandbox: a page of a site whose name resolves to 127.0.0.1 would
// have the storefront's origin, and could read the storefront's tokens.
func TestNoNameOfAnotherSiteLeadsToTheSandbox(t *testing.T) {
	t.Parallel()
	s := openShopWith(t, environment{"PUBLIC_URL": "https://Tunnel.example"})
	for path, body := range map[string]string{"/": "", "/playground": "", "/storefront/charge.js": "", "/sandbox/sandbox-payments": "{}",
		"/graphql": products, "/graphql/stream": products, "/healthz": ""} {
		method := http.MethodGet
		if body != "" {
			method = http.MethodPost
		}
		if status, text := s.sendToHost("evil.example:8080", method, path, body); status != http.StatusMisdirectedRequest || strings.Contains(text, s.token) {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	for _, host := range []string{"tunnel.example", "tunnel.example:443", "localhost:3000"} {
		if status, text := s.sendToHost(host, http.MethodPost, "/graphql", products); status != http.StatusOK || !strings.Contains(text, "points-5000") {
			t.Errorf("%s: %d %s", host, status, text)
		}
	}
	for _, path := range []string{"/webhooks/iamport", "/webhooks/iamport/"} {
		status, text := s.sendToHost("evil.example", http.MethodPost, path, `{"imp_uid":"imp_1","merchant_uid":"nobodys"}`)
		if status != http.StatusOK {
			t.Errorf("a notice to %s: %d %s", path, status, text)
		}
	}
}

func TestASandboxForOthersAnswersToAnyName(t *testing.T) {
	t.Parallel()
	s := openShopWith(t, environment{"SANDBOX_REMOTE": "true"})
	if status, text := s.sendToHost("sandbox.lan", http.MethodPost, "/graphql", products); status != http.StatusOK {
		t.Errorf("%d %s", status, text)
	}
}
