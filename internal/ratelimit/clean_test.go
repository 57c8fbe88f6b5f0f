package ratelimit

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCleanLeavesWhatALogCanHold(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"imp_1 포인트":                "imp_1 포인트",
		"a\nlevel=ERROR\r\x1b[31m": "alevel=ERROR[31m",
		"paid\u202Edisufer\u2066":  "paiddisufer",
		"a\u2028b\u200f\u061cc":    "abc",
		"\xff\xfe":                 "\uFFFD",
		"":                         "",
	} {
		if got := Clean(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	for _, long := range []string{strings.Repeat("x", 5000), strings.Repeat("가", 5000), "x" + strings.Repeat("😀", 5000), strings.Repeat("\x80", 5000)} {
		if got := Clean(long); len(got) > maxLogText+len("…") || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
			t.Errorf("%d bytes: %.20q", len(got), got)
		}
	}
}

func TestSampledLinesAreClean(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	log := NewSampledLog(1, 10).Sample(slog.New(slog.NewJSONHandler(&text, nil)))
	log.With("id", "a\u202e").Warn("line", "err", errors.New(strings.Repeat("x", 10_000)+"\u202e"), "name", "\u2066b", "n", 7)
	if got := text.String(); len(got) > 600 || strings.ContainsAny(got, "\u202e\u2066") || !strings.Contains(got, `"id":"a"`) || !strings.Contains(got, `"n":7`) {
		t.Errorf("logged %s", got)
	}
}
