// Package databasetest gives each test a fresh, migrated database, on SQLite and on PostgreSQL.
//
// PostgreSQL is the server at TEST_DATABASE_URL, or else a throwaway cluster made from PostgreSQL
// binaries on the machine. The cluster starts with the first test in need of PostgreSQL and ends
// with the test binary. Without either, the tests named "postgres" are skipped; REQUIRE_POSTGRES=1
// makes such tests fail instead.
package databasetest

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/database"
)

// The dialects for New, URL and Each, in GORM's spelling.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Each runs fn once per dialect, as the parallel subtests "sqlite" and "postgres".
func Each(t *testing.T, fn func(t *testing.T, db *gorm.DB)) {
	t.Helper()
	for _, dialect := range []string{SQLite, Postgres} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			fn(t, New(t, dialect))
		})
	}
}

// New opens a fresh, migrated database, and removes the database when the test ends. Failing and
// slow statements appear in the test's output.
func New(t testing.TB, dialect string) *gorm.DB {
	t.Helper()
	return Open(t, URL(t, dialect))
}

// Open opens the database at url and closes the database when the test ends.
func Open(t testing.TB, url string) *gorm.DB {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	db, err := database.Open(t.Context(), url, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := database.Close(db); err != nil {
			t.Error(err)
		}
	})
	return db
}

// URL returns the address of a fresh, migrated database, for tests that start the whole server. The
// database is removed when the test ends, even with open connections.
func URL(t testing.TB, dialect string) string {
	t.Helper()
	if dialect == Postgres {
		return postgresURL(t)
	}
	template, err := sqliteTemplateOnce()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), sqliteFile)
	if err := os.WriteFile(file, template, 0o600); err != nil {
		t.Fatal(err)
	}
	return sqliteURL(file)
}

// EmptyURL is the address of a fresh database without any table, for tests of the first start.
func EmptyURL(t testing.TB, dialect string) string {
	t.Helper()
	if dialect == Postgres {
		return emptyPostgresURL(t)
	}
	return sqliteURL(filepath.Join(t.TempDir(), sqliteFile))
}

const sqliteFile = "test.db"

func sqliteURL(file string) string {
	// A subtest that runs twice has a # in its name, and so in its folder's; the file is an address
	// here. And a test's file need not outlive a power cut.
	escaped := strings.NewReplacer("%", "%25", "#", "%23", "?", "%3f").Replace(filepath.ToSlash(file))
	return "file:" + escaped + "?_pragma=synchronous(OFF)"
}

// sqliteTemplateOnce returns the bytes of a migrated database, which all tests of a binary copy:
// the migrations cost more than most tests. It is a global for the reason of startClusterOnce.
var sqliteTemplateOnce = sync.OnceValues(createSQLiteTemplate)

func createSQLiteTemplate() ([]byte, error) {
	dir, err := os.MkdirTemp("", "pointcharge")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, sqliteFile)
	if err := migrateURL(context.Background(), sqliteURL(file)); err != nil {
		return nil, err
	}
	return os.ReadFile(file) // complete: closing the last connection has emptied the write-ahead log
}

func migrateDatabase(t testing.TB, url string) {
	t.Helper()
	if err := migrateURL(t.Context(), url); err != nil {
		t.Fatal(err)
	}
}

func migrateURL(ctx context.Context, url string) error {
	db, err := database.Open(ctx, url, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return errors.Join(database.Migrate(ctx, db), database.Close(db))
}

// skipOrFail ends a test on a machine without PostgreSQL.
func skipOrFail(t testing.TB) {
	t.Helper()
	const message = "no PostgreSQL: set TEST_DATABASE_URL, or install its server binaries (Debian: apt install postgresql)"
	if os.Getenv("REQUIRE_POSTGRES") == "1" {
		t.Fatal(message)
	}
	t.Skip(message)
}
