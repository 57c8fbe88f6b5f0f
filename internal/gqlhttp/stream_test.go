package gqlhttp_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/handler/testserver"

	"pointcharge/internal/gqlhttp"
)

// openStream serves one stream and returns all of it.
func openStream(t *testing.T, open gqlhttp.OpenStream) (status int, text string) {
	t.Helper()
	h := gqlhttp.StreamHandler(testserver.New().Server, gqlhttp.Options{Log: slog.New(slog.DiscardHandler)}, gqlhttp.StreamOptions{}, open)
	s := httptest.NewServer(h)
	defer s.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader(`{"query":"subscription { name }"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var b strings.Builder
	if err := response.Write(&b); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, b.String()
}

func TestAStreamThatIsNotAdmittedHasAStatus(t *testing.T) {
	t.Parallel()
	status, text := openStream(t, func(http.ResponseWriter, *http.Request) (context.Context, func(), error) {
		return nil, nil, gqlhttp.Refusal{Status: http.StatusTooManyRequests, Err: errors.New("no room")}
	})
	if status != http.StatusTooManyRequests || !strings.Contains(text, "no room") || strings.Contains(text, "event:") {
		t.Errorf("%d %s", status, text)
	}
}

// Only a final cause is told to the client. After any other end the client continues the stream.
func TestAStreamTellsOnlyAFinalEnd(t *testing.T) {
	t.Parallel()
	for final, cause := range map[bool]error{true: gqlhttp.Final{Err: errors.New("the token has expired")}, false: errors.New("the server stops")} {
		released := false
		_, text := openStream(t, func(_ http.ResponseWriter, r *http.Request) (context.Context, func(), error) {
			ctx, cancel := context.WithCancelCause(r.Context())
			cancel(cause)
			return ctx, func() { released = true }, nil
		})
		if told := strings.Contains(text, "the token has expired") && strings.Contains(text, "event: complete"); told != final || !released {
			t.Errorf("%v: released %t: %s", cause, released, text)
		}
	}
}
