package database_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"gorm.io/gorm"

	"pointcharge/internal/database"
	"pointcharge/internal/database/databasetest"
)

// eachEmpty runs fn on both dialects, in a database without any table.
func eachEmpty(t *testing.T, fn func(t *testing.T, url string)) {
	t.Helper()
	for _, dialect := range []string{databasetest.SQLite, databasetest.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			fn(t, databasetest.EmptyURL(t, dialect))
		})
	}
}

// migrationFiles are migrations, the first of which is number 1.
func migrationFiles(migrations ...string) fs.FS {
	names := []string{"00001_first.sql", "00002_second.sql"}
	found := fstest.MapFS{}
	for i, sql := range migrations {
		found[names[i]] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + sql)}
	}
	return found
}

// runTogether runs fn in eight servers at once, each with a handle of its own.
func runTogether(t *testing.T, url string, fn func(server int, db *gorm.DB)) {
	t.Helper()
	var ready, done sync.WaitGroup
	ready.Add(8)
	for server := range 8 {
		db := databasetest.Open(t, url)
		done.Go(func() {
			ready.Done()
			ready.Wait()
			fn(server, db)
		})
	}
	done.Wait()
}

func TestMigrateIsSafeWhenEightServersStartTogether(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, url string) {
		runTogether(t, url, func(_ int, db *gorm.DB) {
			if err := database.Migrate(t.Context(), db); err != nil {
				t.Error(err)
			}
			wantNoLeak(t, db)
		})
	})
}

func TestMigrateAppliesEachMigrationOnceHoweverManyServersStart(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, url string) {
		// The second migration would do its work again without a complaint.
		migrations := migrationFiles("CREATE TABLE counters (id integer, number integer);", "INSERT INTO counters VALUES (1, 1);")
		runTogether(t, url, func(_ int, db *gorm.DB) {
			if err := database.MigrateFiles(t.Context(), db, migrations); err != nil {
				t.Error(err)
			}
		})
		wantSetting(t, databasetest.Open(t, url), "SELECT count(*) FROM counters", "1")
	})
}

func TestMigrateIsSafeWhenServersOpenAFreshFileTogether(t *testing.T) {
	t.Parallel()
	url := "file:" + t.TempDir() + "/test.db"
	start := func() error {
		db, err := database.Open(t.Context(), url, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		return errors.Join(database.Migrate(t.Context(), db), database.Close(db))
	}
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			if err := start(); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
}

func TestMigrateKeepsMigrationsBeforeAMistake(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, url string) {
		db := databasetest.Open(t, url)
		first := "CREATE TABLE counters (id integer, number integer);"
		mistaken := migrationFiles(first, "INSERT INTO counters VALUES (1, 1); SELECT nonsense;")
		if err := database.MigrateFiles(t.Context(), db, mistaken); err == nil {
			t.Error("a mistake was applied")
		}
		if err := database.MigrateFiles(t.Context(), db, migrationFiles(first, "INSERT INTO counters VALUES (1, 2);")); err != nil {
			t.Fatal(err)
		}
		wantNumber(t, db, 1, 2)
		wantNoLeak(t, db)
	})
}

func TestMigrateStopsWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, url string) {
		db := databasetest.Open(t, url)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := database.Migrate(ctx, db); err == nil {
			t.Error("a cancelled migration succeeded")
		}
		wantNoLeak(t, db)
		if err := database.Migrate(t.Context(), db); err != nil {
			t.Error(err)
		}
	})
}

func TestMigrateGivesItsConnectionBackAsItWas(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, withParam(databasetest.EmptyURL(t, databasetest.Postgres), "pool_max_conns", "1"))
	if err := database.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	wantSetting(t, db, "SHOW statement_timeout", "1min")
	// Other tests migrate databases of the same cluster.
	wantSetting(t, db, `SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
		WHERE locktype = 'advisory' AND datname = current_database()`, "0")
}

func TestStampAcceptsItsOwnModeAgain(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		for range 2 {
			if err := database.Stamp(t.Context(), db, "live"); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestStampRefusesTheOtherModeAndSuggestsARemedy(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		if err := database.Stamp(t.Context(), db, "live"); err != nil {
			t.Fatal(err)
		}
		err := database.Stamp(t.Context(), db, "sandbox")
		if err == nil || !strings.Contains(err.Error(), "MODE=live") {
			t.Errorf("got %v", err)
		}
	})
}

func TestStampLetsOneModeWinWhenServersOfBothStartTogether(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{databasetest.SQLite, databasetest.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			var refused [8]bool
			runTogether(t, databasetest.URL(t, dialect), func(server int, db *gorm.DB) {
				mode := []string{"sandbox", "live"}[server%2]
				refused[server] = database.Stamp(t.Context(), db, mode) != nil
			})
			for server := range refused {
				if refused[server] == refused[(server+1)%8] {
					t.Fatalf("refused: %v, want every server of one mode and none of the other", refused)
				}
			}
		})
	}
}
