package database_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database"
	"pointcharge/internal/database/databasetest"
)

// journal collects what is logged, also from several goroutines.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// eachLogged runs fn on both dialects, with what is logged at level and above.
func eachLogged(t *testing.T, level slog.Level, fn func(t *testing.T, db *gorm.DB, log *journal)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		log := &journal{}
		url := databasetest.URL(t, db.Name())
		db, err := database.Open(t.Context(), url, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level})))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = database.Close(db) })
		execute(t, db, "CREATE TABLE people (name text PRIMARY KEY, age integer NOT NULL CHECK (age > 0))")
		fn(t, db, log)
	})
}

const secret = "imp_s3cret"

func TestNoBoundValueIsLoggedOrQuotedByAnError(t *testing.T) {
	t.Parallel()
	eachLogged(t, slog.LevelDebug, func(t *testing.T, db *gorm.DB, log *journal) {
		insert := "INSERT INTO people (name, age) VALUES (?, ?)"
		execute(t, db, insert, secret, 1)
		for _, err := range []error{
			db.Exec(insert, secret, 1).Error,
			db.Exec(insert, secret+"2", -1).Error,
			db.Exec(insert, secret+"3", nil).Error,
			db.Exec("INSERT INTO people (name, age) VALUES (?, CAST(CAST(? AS text) AS integer))", "x", secret).Error,
		} {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the error quotes a value: %v", err)
			}
		}
		_ = db.Exec("SELECT CAST(? AS integer)", secret) // pgx cannot encode the value
		if text := log.String(); strings.Contains(text, secret) || !strings.Contains(text, "INSERT INTO people") {
			t.Errorf("the log quotes a value, or no statement:\n%s", text)
		}
	})
}

func TestAFailedStatementIsLoggedForDebuggingWithItsReason(t *testing.T) {
	t.Parallel()
	eachLogged(t, slog.LevelDebug, func(t *testing.T, db *gorm.DB, log *journal) {
		if err := db.Exec("INSERT INTO people (name, age) VALUES (?, ?)", secret, -1).Error; err == nil {
			t.Fatal("a CHECK was ignored")
		}
		if text := log.String(); !strings.Contains(text, "CHECK") && !strings.Contains(text, "check constraint") {
			t.Errorf("logged:\n%s", text)
		}
	})
}

func TestAFailedStatementIsTheCallersToLog(t *testing.T) {
	t.Parallel()
	eachLogged(t, slog.LevelInfo, func(t *testing.T, db *gorm.DB, log *journal) {
		if err := db.Exec("INSERT INTO people (name, age) VALUES (?, ?)", secret, -1).Error; err == nil {
			t.Fatal("a CHECK was ignored")
		}
		if text := log.String(); text != "" {
			t.Errorf("logged:\n%s", text)
		}
	})
}

func TestAMissingRowIsNotLogged(t *testing.T) {
	t.Parallel()
	eachLogged(t, slog.LevelInfo, func(t *testing.T, db *gorm.DB, log *journal) {
		var name string
		if err := db.Raw("SELECT name FROM people").Take(&name).Error; !errors.Is(err, gorm.ErrRecordNotFound) {
			t.Errorf("got %v", err)
		}
		if text := log.String(); text != "" {
			t.Errorf("logged:\n%s", text)
		}
	})
}

func TestASlowStatementIsLoggedAsAWarning(t *testing.T) {
	t.Parallel()
	eachLogged(t, slog.LevelWarn, func(t *testing.T, db *gorm.DB, log *journal) {
		began := time.Now().Add(-time.Second)
		db.Logger.Trace(t.Context(), began, func() (string, int64) { return "SELECT 1", 1 }, nil)
		if text := log.String(); !strings.Contains(text, "WARN") || !strings.Contains(text, "SELECT 1") {
			t.Errorf("logged:\n%s", text)
		}
	})
}

func TestAThousandSlowStatementsAreAFewLines(t *testing.T) {
	t.Parallel()
	eachLogged(t, slog.LevelWarn, func(t *testing.T, db *gorm.DB, log *journal) {
		began := time.Now().Add(-time.Second)
		for range 1000 {
			db.Logger.Trace(t.Context(), began, func() (string, int64) { return "SELECT 1", 1 }, nil)
		}
		if lines := strings.Count(log.String(), "slow statement"); lines < 3 || lines > 20 {
			t.Errorf("%d lines", lines)
		}
		if !strings.Contains(log.String(), "left_out=0") {
			t.Errorf("logged:\n%s", log)
		}
	})
}
