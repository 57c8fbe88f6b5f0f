package gqlhttp_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestTheAnswerIsOfTheTypeThatTheClientPrefers(t *testing.T) {
	t.Parallel()
	const plain, modern = "application/json", "application/graphql-response+json"
	for accept, want := range map[string]string{
		"": plain, "*/*": plain, "application/*": plain, plain: plain, modern: modern,
		"application/json; charset=utf-8":          plain,
		modern + ", " + plain:                      modern,
		plain + ", " + modern:                      plain,
		modern + ";q=0.4, " + plain + ";q=0.5":     plain,
		plain + ";q=0.4, " + modern + ";q=0.45":    modern,
		plain + ";q=0, */*":                        modern,
		"*/*;q=0.1, " + modern + ";q=0":            plain,
		"text/html, application/xml;q=0.9, */*":    plain,
		"*/*, " + modern:                           modern,
		modern + ", " + plain + ";q=0.9, text/*":   modern,
		"text/event-stream, application/*;q=0.5":   plain,
		plain + ";q=nonsense":                      plain,
		"?;, " + modern + ";charset=UTF-8;q=0.001": modern,
		"text/html": "", plain + ";q=0": "", "*/*;q=0": "", "*/*;q=0.000": "", modern + ";charset=utf-16": "",
	} {
		w := send(newHandler(), http.MethodPost, "/", accept, `{"query":"{ name }"}`)
		if want == "" && (w.Code != 406 || !strings.Contains(w.Body.String(), `"errors"`)) {
			t.Errorf("Accept: %s: %d %s, want 406", accept, w.Code, w.Body)
		}
		if got := w.Header().Get("Content-Type"); want != "" && (w.Code != 200 || got != want+"; charset=utf-8") {
			t.Errorf("Accept: %s: %d %q, want %q", accept, w.Code, got, want)
		}
	}
}
