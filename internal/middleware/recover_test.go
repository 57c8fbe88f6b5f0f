package middleware_test

import (
	"bytes"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pointcharge/internal/middleware"
)

// logOfPanic sends a request to a server whose handler panics with cause, and returns the log.
func logOfPanic(t *testing.T, cause any) string {
	t.Helper()
	var logged bytes.Buffer
	mux := http.NewServeMux()
	mux.HandleFunc("GET /panics/{id}", func(http.ResponseWriter, *http.Request) { panic(cause) })
	server := httptest.NewUnstartedServer(middleware.RecoverPanics(slog.New(slog.NewTextHandler(&logged, nil)), mux))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	if response, err := server.Client().Get(server.URL + "/panics/secret"); err == nil {
		t.Errorf("the request was answered: %s", response.Status)
		_ = response.Body.Close()
	}
	server.Close() // waits for the handler
	return logged.String()
}

func TestRecoverPanicsLogsOneShortLine(t *testing.T) {
	t.Parallel()
	logged := logOfPanic(t, strings.Repeat("x", 100_000))
	for _, want := range []string{`level=ERROR msg=panic route="GET /panics/{id}" cause=xxx`, "logOfPanic"} {
		if !strings.Contains(logged, want) {
			t.Errorf("no %q in %.300s", want, logged)
		}
	}
	if strings.Count(logged, "\n") != 1 || len(logged) > 12_000 || strings.Contains(logged, "secret") {
		t.Errorf("%d bytes were logged: %.300s", len(logged), logged)
	}
}

func TestRecoverPanicsIgnoresErrAbortHandler(t *testing.T) {
	t.Parallel()
	if logged := logOfPanic(t, http.ErrAbortHandler); logged != "" {
		t.Errorf("logged: %s", logged)
	}
}
