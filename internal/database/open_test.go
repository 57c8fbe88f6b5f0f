package database_test

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"pointcharge/internal/database"
	"pointcharge/internal/database/databasetest"
)

// withParam sets a parameter of the address.
func withParam(address, name, value string) string {
	if u, err := url.Parse(address); err == nil && u.Scheme != "file" {
		query := u.Query()
		query.Set(name, value)
		u.RawQuery = query.Encode()
		return u.String()
	}
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	return address + separator + name + "=" + url.QueryEscape(value)
}

// withProductionTimeouts returns the address without the parameters of databasetest.
func withProductionTimeouts(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Del("lock_timeout")
	query.Del("statement_timeout")
	u.RawQuery = query.Encode()
	return u.String()
}

func wantSetting(t *testing.T, db *gorm.DB, query, want string) {
	t.Helper()
	var got string
	if err := db.Raw(query).Take(&got).Error; err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("%s is %q, want %q", query, got, want)
	}
}

func TestPostgresBoundsEveryWait(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, withProductionTimeouts(t, databasetest.URL(t, databasetest.Postgres)))
	wantSetting(t, db, "SHOW lock_timeout", "3s")
	wantSetting(t, db, "SHOW statement_timeout", "10s")
	wantSetting(t, db, "SHOW idle_in_transaction_session_timeout", "30s")
	wantSetting(t, db, "SHOW timezone", "UTC")
}

func TestPostgresObeysTheSettingsOfTheAddress(t *testing.T) {
	t.Parallel()
	address := withParam(databasetest.URL(t, databasetest.Postgres), "lock_timeout", "7s")
	db := databasetest.Open(t, withParam(address, "pool_max_conns", "3"))
	wantSetting(t, db, "SHOW lock_timeout", "7s")
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	if most := pool.Stats().MaxOpenConnections; most != 3 {
		t.Errorf("the pool opens %d connections, want 3", most)
	}
}

// Not parallel: the test sets a variable of the process. .ci/run runs all tests with the same
// variable.
func TestPostgresObeysPGOPTIONSBesideItsOwnSettings(t *testing.T) {
	t.Setenv("PGOPTIONS", "-c default_transaction_isolation=serializable")
	db := databasetest.Open(t, withProductionTimeouts(t, databasetest.URL(t, databasetest.Postgres)))
	wantSetting(t, db, "SHOW transaction_isolation", "serializable")
	wantSetting(t, db, "SHOW lock_timeout", "3s")
}

func TestSQLiteIsDurableAndStrictOnEveryConnection(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, "file:"+filepath.Join(t.TempDir(), "test.db"))
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "1000",
	} {
		column := map[string]string{"busy_timeout": "timeout"}[pragma]
		if column == "" {
			column = pragma
		}
		wantSetting(t, db, "PRAGMA "+pragma, want)                             // the writer
		wantSetting(t, db, "SELECT "+column+" FROM pragma_"+pragma+"()", want) // a reader
	}
}

func TestOpenCreatesTheFolderOfASQLiteFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "data", "points 1.db")
	databasetest.Open(t, "file:"+strings.ReplaceAll(file, " ", "%20"))
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestOpenNeverShowsThePassword(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"postgres://u:pa%ss@127.0.0.1:1/x", "postgres://u:s3cret@127.0.0.1:1/x", "postgres://u:s3cret@127.0.0.1:port/x",
		"postgres://u:s3c/ret@h/x", "postgres://u:s3cret@h/x?pool_max_conns=0", "mysql://u:s3cret@h/x", "s3cret", "",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err := database.Open(ctx, address, slog.New(slog.DiscardHandler))
		cancel()
		if err == nil {
			t.Errorf("%q was opened", address)
			continue
		}
		for _, secret := range []string{"s3c", "pa%ss", "ret@"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q: %v", address, err)
			}
		}
	}
}

func TestTimesReadBackInUTCAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		kind := map[string]string{"sqlite": "datetime", "postgres": "timestamptz"}[db.Name()]
		execute(t, db, "CREATE TABLE moments (at "+kind+")")
		type moment struct{ At time.Time }
		want := moment{db.NowFunc()}
		if err := db.Create(&want).Error; err != nil {
			t.Fatal(err)
		}
		var got moment
		if err := db.Take(&got).Error; err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestALockingReadWorksOnBothDialects(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		withCounter(t, db, 1)
		type counter struct{ ID, Number int }
		err := database.Transact(t.Context(), db, func(tx *gorm.DB) error {
			_, err := gorm.G[counter](tx, clause.Locking{Strength: "UPDATE"}).Where("id = ?", 1).Take(t.Context())
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestReadyFailsOnceTheDatabaseIsClosed(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		if err := database.Ready(t.Context(), db); err != nil {
			t.Errorf("an open database does not answer: %v", err)
		}
		if err := database.Close(db); err != nil {
			t.Fatal(err)
		}
		if database.Ready(t.Context(), db) == nil {
			t.Error("a closed database answers")
		}
	})
}
