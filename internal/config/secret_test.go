package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pointcharge/internal/config"
)

const hunter2 = "hunter2"

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	secret := config.NewSecret(hunter2)
	values := map[string]any{
		"itself": secret, "pointer": &secret, "slice": []config.Secret{secret},
		"map": map[string]config.Secret{"a": secret}, "field": struct{ S config.Secret }{secret},
		"unexported field": struct{ s config.Secret }{secret},
	}
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%s", "%x", "%d", "%t"} {
			t.Run(name+verb, func(t *testing.T) {
				t.Parallel()
				mustHide(t, fmt.Sprintf(verb, value))
			})
		}
	}
	mustHide(t, fmt.Sprint(secret.String(), secret.GoString()))
}

func mustHide(t *testing.T, text string) {
	t.Helper()
	hex := fmt.Sprintf("%x", hunter2)
	if text == "" || strings.Contains(text, hunter2) || strings.Contains(text, hex) {
		t.Errorf("the secret shows in %q", text)
	}
}

func TestSecretIsNeverLogged(t *testing.T) {
	t.Parallel()
	handlers := map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	}
	for name, handler := range handlers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			secret := config.NewSecret(hunter2)
			slog.New(handler(&out)).Info("hello", "secret", secret, "pointer", &secret,
				"nested", struct{ S config.Secret }{secret}, "hidden", struct{ s config.Secret }{secret})
			mustHide(t, out.String())
		})
	}
}

func TestSecretIsNeverEncoded(t *testing.T) {
	t.Parallel()
	out, err := json.Marshal(map[string]any{"s": config.NewSecret(hunter2), "c": load(t, live())})
	if err != nil {
		t.Fatal(err)
	}
	mustHide(t, string(out))
}

func TestPrintingTheWholeConfigShowsNoSecret(t *testing.T) {
	t.Parallel()
	c := load(t, live().with(environment{"IAMPORT_SECRET": hunter2, "IAMPORT_KEY": hunter2, "AUTH_HS256_SECRET": strings.Repeat(hunter2, 5)}))
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		mustHide(t, fmt.Sprintf(verb, c))
		mustHide(t, fmt.Sprintf(verb, struct{ c config.Config }{c}))
	}
}

func TestSecretCanBeRevealed(t *testing.T) {
	t.Parallel()
	if got := config.NewSecret(hunter2).Reveal(); got != hunter2 {
		t.Errorf("revealed %q", got)
	}
	var none config.Secret
	if none.Reveal() != "" || !none.IsZero() {
		t.Error("the zero Secret hides something")
	}
}

func TestDatabaseNameHoldsNoPassword(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"postgres://points:hunter2@db.internal:5432/points": "postgres://db.internal:5432/points",
		"postgresql://db/points?password=hunter2":           "postgresql://db/points",
		"postgres://points:a?hunter2@db/points":             "postgres",
		"postgres://points:1/hunter2@db/points":             "postgres",
		"postgres://points:hunter2%@db/points":              "postgres",
		"postgres:///points?host=/run/postgresql":           "postgres:///points",
		"file:data/pointcharge.db?_pragma=x":                "file:data/pointcharge.db",
	}
	for url, want := range tests {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			if got := load(t, environment{"DATABASE_URL": url}).DatabaseName(); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}
