package database_test

import (
	"strings"
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/database"
	"pointcharge/internal/database/databasetest"
)

// setReadOnly makes every session opened afterwards read-only, or writable again, as a fail-over
// does. Open sessions stay unchanged.
func setReadOnly(t *testing.T, url string, readOnly bool) {
	t.Helper()
	admin := databasetest.Open(t, withParam(url, "default_transaction_read_only", "off"))
	var name string
	if err := admin.Raw("SELECT current_database()").Take(&name).Error; err != nil {
		t.Fatal(err)
	}
	value := map[bool]string{true: "on", false: "off"}[readOnly]
	execute(t, admin, "ALTER DATABASE "+name+" SET default_transaction_read_only = "+value)
}

// openReadOnlySessions returns a database with a counter and several idle sessions that refuse to
// write, although new sessions could write.
func openReadOnlySessions(t *testing.T) (db *gorm.DB, url string) {
	t.Helper()
	url = databasetest.URL(t, databasetest.Postgres)
	withCounter(t, databasetest.Open(t, url), 1)
	setReadOnly(t, url, true)
	db = databasetest.Open(t, url)
	holdSessions(t, db, 10)
	setReadOnly(t, url, false)
	return db, url
}

// holdSessions opens n sessions at the same time and gives them back to the pool.
func holdSessions(t *testing.T, db *gorm.DB, n int) {
	t.Helper()
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		conn, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:revive // all stay open together, until the end
	}
}

func TestTransactReplacesSessionsThatAFailOverLeftReadOnly(t *testing.T) {
	t.Parallel()
	db, _ := openReadOnlySessions(t)
	runs := 0
	err := database.Transact(t.Context(), db, func(tx *gorm.DB) error {
		runs++
		return increment(tx, 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	wantRuns(t, runs, 2) // all ten sessions are replaced after the first refusal
	wantNumber(t, db, 1, 1)
	wantNoLeak(t, db)
}

func TestReadyNoticesADatabaseThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	url := databasetest.URL(t, databasetest.Postgres)
	db := databasetest.Open(t, url)
	if err := database.Ready(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	setReadOnly(t, url, true)
	readOnly := databasetest.Open(t, url)
	if err := database.Ready(t.Context(), readOnly); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("read-only: %v", err)
	}
	setReadOnly(t, url, false)
	if err := database.Ready(t.Context(), readOnly); err != nil {
		t.Errorf("writable again: %v", err)
	}
}

func TestReadyIsTrueWhileAnotherTransactionWrites(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		url := databasetest.URL(t, db.Name())
		first, second := withCounter(t, databasetest.Open(t, url), 1), databasetest.Open(t, url)
		err := database.Transact(t.Context(), first, func(tx *gorm.DB) error {
			if err := increment(tx, 1); err != nil {
				return err
			}
			return database.Ready(t.Context(), second)
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestReadyNoticesADatabaseThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		closed, err := database.Open(t.Context(), databasetest.URL(t, db.Name()), discardLog())
		if err != nil {
			t.Fatal(err)
		}
		if err := database.Close(closed); err != nil {
			t.Fatal(err)
		}
		if err := database.Ready(t.Context(), closed); err == nil {
			t.Error("a closed database is ready")
		}
	})
}
