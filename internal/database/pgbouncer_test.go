//go:build unix

package database_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"pointcharge/internal/database"
	"pointcharge/internal/database/databasetest"
)

// eachPoolMode runs fn with the address of a migrated database behind PgBouncer in both modes.
func eachPoolMode(t *testing.T, fn func(t *testing.T, url string)) {
	t.Helper()
	for _, mode := range []string{databasetest.SessionPooling, databasetest.TransactionPooling} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			direct := databasetest.URL(t, databasetest.Postgres)
			fn(t, databasetest.PoolerURL(t, direct, mode))
		})
	}
}

// wantSQLState wants an error with which PostgreSQL refused.
func wantSQLState(t *testing.T, err error, want string) {
	t.Helper()
	if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != want {
		t.Errorf("got %v, want SQLSTATE %s", err, want)
	}
}

func TestManyClientsShareFewSessionsOfPgBouncer(t *testing.T) {
	t.Parallel()
	direct := databasetest.URL(t, databasetest.Postgres)
	url := databasetest.PoolerURL(t, direct, databasetest.TransactionPooling)
	servers := []*gorm.DB{databasetest.Open(t, url), databasetest.Open(t, url)} // with 40 connections to 4 sessions
	withCounter(t, servers[0], 1)
	var running sync.WaitGroup
	const clients, each = 16, 20
	for client := range clients {
		running.Go(func() {
			db := servers[client%2]
			for range each {
				if err := database.Transact(t.Context(), db, func(tx *gorm.DB) error { return increment(tx, 1) }); err != nil {
					t.Error(err)
				}
				var number int
				if err := db.Raw("SELECT number FROM counters WHERE id = ? AND number > ?", 1, 0).Take(&number).Error; err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	wantNumber(t, servers[0], 1, clients*each)
}

func TestLimitsHoldBehindPgBouncer(t *testing.T) {
	t.Parallel()
	eachPoolMode(t, func(t *testing.T, url string) {
		db := withCounter(t, databasetest.Open(t, url), 1)
		err := database.Transact(t.Context(), db, func(tx *gorm.DB) error {
			wantSetting(t, tx, "SHOW lock_timeout", "3s")
			wantSetting(t, tx, "SHOW statement_timeout", "10s")
			wantSetting(t, tx, "SHOW idle_in_transaction_session_timeout", "30s")
			wantSetting(t, tx, "SHOW timezone", "UTC")
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestLimitsOfTheAddressHoldBehindPgBouncer(t *testing.T) {
	t.Parallel()
	const queryCanceled, lockNotAvailable = "57014", "55P03"
	eachPoolMode(t, func(t *testing.T, url string) {
		url = withParam(withParam(url, "statement_timeout", "300ms"), "lock_timeout", "100ms")
		db := withCounter(t, databasetest.Open(t, url), 1)
		sleep := func(db *gorm.DB) error { return db.Exec("SELECT pg_sleep(60)").Error }
		wantSQLState(t, database.Transact(t.Context(), db, sleep), queryCanceled)
		wantSQLState(t, sleep(db), queryCanceled)
		var nothing string
		wantSQLState(t, db.Raw("SELECT pg_sleep(60)").Take(&nothing).Error, queryCanceled)
		wantSessionsIdle(t, db)
		err := database.Transact(t.Context(), db, func(holder *gorm.DB) error {
			if err := increment(holder, 1); err != nil {
				return err
			}
			return database.Transact(t.Context(), db, func(tx *gorm.DB) error { return increment(tx, 1) })
		})
		wantSQLState(t, err, lockNotAvailable)
	})
}

// wantSessionsIdle wants no statement to be left running at the server.
func wantSessionsIdle(t *testing.T, db *gorm.DB) {
	t.Helper()
	var running int
	err := db.Raw("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()").
		Take(&running).Error
	if err != nil || running != 0 {
		t.Errorf("%d statements are still running, %v", running, err)
	}
}

func TestAnIdleTransactionIsEndedBehindPgBouncer(t *testing.T) {
	t.Parallel()
	eachPoolMode(t, func(t *testing.T, url string) {
		db := withCounter(t, databasetest.Open(t, withParam(url, "idle_in_transaction_session_timeout", "50ms")), 1)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		runs := 0
		err := database.Transact(ctx, db, func(tx *gorm.DB) error {
			if err := increment(tx, 1); err != nil {
				return err
			}
			if runs++; runs == 1 {
				waitUntilEnded(ctx, t, db)
			}
			return increment(tx, 1)
		})
		if err != nil {
			t.Error(err)
		}
		wantRuns(t, runs, 2)
		wantNumber(t, db, 1, 2)
	})
}

// waitUntilEnded waits until no transaction is idle in the database.
func waitUntilEnded(ctx context.Context, t *testing.T, db *gorm.DB) {
	t.Helper()
	for idle := 1; idle > 0; {
		err := db.WithContext(ctx).Raw("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'").
			Take(&idle).Error
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestServersThatMigrateBehindPgBouncerTakeTurns(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{databasetest.SessionPooling, databasetest.TransactionPooling} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			direct := databasetest.EmptyURL(t, databasetest.Postgres)
			var running sync.WaitGroup
			for _, url := range []string{databasetest.PoolerURL(t, direct, mode), databasetest.PoolerURL(t, direct, mode), direct} {
				db := databasetest.Open(t, url)
				running.Go(func() {
					for range 2 { // the second time finds nothing to do, and the lock free
						if err := database.Migrate(t.Context(), db); err != nil {
							t.Error(err)
						}
					}
				})
			}
			running.Wait()
		})
	}
}

func TestTransactReplacesReadOnlySessionsBehindPgBouncer(t *testing.T) {
	t.Parallel()
	direct := databasetest.URL(t, databasetest.Postgres)
	withCounter(t, databasetest.Open(t, direct), 1)
	setReadOnly(t, direct, true)
	db := databasetest.Open(t, databasetest.PoolerURL(t, direct, databasetest.SessionPooling))
	if err := database.Ready(t.Context(), db); err == nil {
		t.Error("a read-only database is ready")
	}
	setReadOnly(t, direct, false)
	admin := databasetest.Open(t, direct)
	execute(t, admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	if err := database.Transact(t.Context(), db, func(tx *gorm.DB) error { return increment(tx, 1) }); err != nil {
		t.Fatal(err)
	}
	wantNumber(t, admin, 1, 1)
}
