package database_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/database"
	"pointcharge/internal/database/databasetest"
)

// openError opens an address that cannot be opened.
func openError(t *testing.T, address string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := database.Open(ctx, address, discardLog())
	if err == nil {
		t.Fatalf("%q was opened", address)
	}
	return err.Error()
}

func TestOpenShowsNoPartOfAMistypedAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"postgres://buyer:Sup3r@Secret@127.0.0.1:1/books", "postgres://buyer:12/Secret@books.invalid/books",
		"postgres://buyer:1#Secret@books.invalid/books", "postgres://buyer:Sup3r?Secret@books.invalid/books",
		"postgres://buyer:Sup3r%Secret@127.0.0.1:1/books", "postgres://buyer:Sup3r:Secret@127.0.0.1:1/books",
		"postgres://buyer:Sup3r Secret@127.0.0.1:1/books", "postgres://buyer:@/Secret@127.0.0.1:1/books",
		"postgresql://buyer:Sup3r[Secret@127.0.0.1:1/books",
	} {
		text := openError(t, address)
		for _, part := range []string{"buyer", "Sup3r", "Secret", "127.0.0.1", "books"} {
			if strings.Contains(text, part) {
				t.Errorf("%s: the error shows %q: %s", address, part, text)
			}
		}
		if !strings.Contains(text, "percent-encoded") && !strings.HasSuffix(text, "connection refused") {
			t.Errorf("%s: no hint at percent-encoding: %s", address, text)
		}
	}
}

func TestOpenSaysWhyTheServerRefused(t *testing.T) {
	t.Parallel()
	url := databasetest.URL(t, databasetest.Postgres)
	for address, want := range map[string]string{
		withParam(url, "dbname", "unknown-books"):       "no database of the name",
		withParam(url, "search_pathh", "x"):             "refused the login or a parameter",
		"postgres://u:p@127.0.0.1:1/x?sslmode=disable":  "connection refused",
		"postgres://u:p@books.invalid/x":                "cannot connect to PostgreSQL",
		withParam(url, "lock_timeout", "soon"):          "refused the login or a parameter",
		withParam(url, "pool_max_conns", "twenty-two"):  "pool_max_conns",
		"postgres://u:p@h/x?connect_timeout=twenty-two": "the PostgreSQL address cannot be read",
	} {
		text := openError(t, address)
		if !strings.Contains(text, want) || strings.Contains(text, "books") || strings.Contains(text, "twenty") {
			t.Errorf("%s: %s", address, text)
		}
	}
}

func TestOpenNamesTheCertificateFileThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "broken.pem")
	if err := os.WriteFile(broken, []byte("not PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"sslrootcert=/missing.pem":                   "cannot read /missing.pem (sslrootcert of DATABASE_URL): no such file",
		"sslcert=" + broken + "&sslkey=/missing.key": "cannot read /missing.key (sslkey of DATABASE_URL): no such file",
		"sslrootcert=" + broken:                      broken + " (sslrootcert of DATABASE_URL)",
		"sslcert=" + broken + "&sslkey=" + broken:    broken + " (sslkey of DATABASE_URL)",
	} {
		text := openError(t, "postgres://u:p4ss@127.0.0.1:1/x?sslmode=verify-full&"+query)
		if !strings.Contains(text, want) || strings.Contains(text, "p4ss") {
			t.Errorf("%s: %s", query, text)
		}
	}
}
