package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
)

const redacted = "[redacted]"

// Secret is a string safe against accidental disclosure: printing, logging and encoding a Secret
// give "[redacted]". The text lies behind a pointer because fmt calls no methods on unexported
// fields, and would print the text.
type Secret struct{ text *string }

// NewSecret hides text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the hidden text for the actual use.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero tells whether the secret is empty.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// UnmarshalText hides the text of an environment variable.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// MarshalText redacts the secret in JSON and every other encoding.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func (Secret) String() string { return redacted }

// GoString redacts the secret for %#v.
func (Secret) GoString() string { return redacted }

// Format redacts the secret for every verb of package fmt.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue redacts the secret in package slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// DatabaseName returns DatabaseURL without the parts that a log must not hold: user, password and
// parameters (PostgreSQL accepts a password among the parameters, too). In doubtful cases the name
// is only the kind of database.
func (c Config) DatabaseName() string {
	name, parameters, _ := strings.Cut(c.DatabaseURL.Reveal(), "?")
	if strings.HasPrefix(name, "file:") {
		return name
	}
	u, err := url.Parse(name)
	if err != nil || strings.Contains(u.Path+parameters, "@") {
		return "postgres"
	}
	return u.Scheme + "://" + u.Host + u.Path
}
