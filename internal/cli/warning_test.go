package cli

import (
	"bytes"
	"strings"
	"testing"
)

func TestMisspeltSettingsAreNamed(t *testing.T) {
	t.Parallel()
	var out, errors bytes.Buffer
	program := Program{Getenv: func(string) string { return "" }, Environ: []string{"CORS_ORIGIN=https://a.example", "HOME=/"}, Stdout: &out, Stderr: &errors}
	if err := program.Run(t.Context(), []string{"token", "-user", "minji"}); err != nil {
		t.Fatal(err)
	}
	if got := errors.String(); !strings.Contains(got, "CORS_ORIGIN is no setting") || strings.Count(got, "\n") != 1 || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%q and %q", got, &out)
	}
}
