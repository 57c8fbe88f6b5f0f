package database_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"pointcharge/internal/database"
	"pointcharge/internal/database/databasetest"
)

func TestTransactRunsAgainAfterASerializationFailure(t *testing.T) {
	t.Parallel()
	url := databasetest.URL(t, databasetest.Postgres)
	db := withCounter(t, databasetest.Open(t, withParam(url, "default_transaction_isolation", "serializable")), 1)
	runs := 0
	err := database.Transact(t.Context(), db, func(tx *gorm.DB) error {
		runs++
		var seen int
		if err := tx.Raw("SELECT number FROM counters WHERE id = 1").Take(&seen).Error; err != nil {
			return err
		}
		if runs == 1 {
			execute(t, db, "UPDATE counters SET number = 10 WHERE id = 1") // another connection, committed between
		}
		return tx.Exec("UPDATE counters SET number = ? WHERE id = 1", seen+1).Error
	})
	if err != nil {
		t.Fatal(err)
	}
	wantRuns(t, runs, 2)
	wantNumber(t, db, 1, 11)
	wantNoLeak(t, db)
}

func TestTransactRunsAgainWhenTheCommitFailsToSerialize(t *testing.T) {
	t.Parallel()
	url := databasetest.URL(t, databasetest.Postgres)
	db := withCounter(t, databasetest.Open(t, withParam(url, "default_transaction_isolation", "serializable")), 1, 2)
	// Write skew: each transaction reads the row that the other writes. No transaction waits, and
	// PostgreSQL lets the first to commit win.
	sum := func(tx *gorm.DB, id int) error {
		return tx.Exec("UPDATE counters SET number = (SELECT sum(number) FROM counters) + 1 WHERE id = ?", id).Error
	}
	runs := 0
	err := database.Transact(t.Context(), db, func(tx *gorm.DB) error {
		runs++
		if err := sum(tx, 1); err != nil || runs > 1 {
			return err
		}
		return database.Transact(t.Context(), db, func(other *gorm.DB) error { return sum(other, 2) })
	})
	if err != nil {
		t.Fatal(err)
	}
	wantRuns(t, runs, 2)
	wantNumber(t, db, 1, 2)
}

func TestTransactRunsTheVictimOfADeadlockAgain(t *testing.T) {
	t.Parallel()
	url := databasetest.URL(t, databasetest.Postgres)
	db := withCounter(t, databasetest.Open(t, withParam(url, "deadlock_timeout", "20ms")), 1, 2)
	var runs atomic.Int32
	var bothHoldOne, done sync.WaitGroup
	bothHoldOne.Add(2)
	lockBoth := func(first, second int) {
		meet := sync.OnceFunc(func() { bothHoldOne.Done(); bothHoldOne.Wait() })
		err := database.Transact(t.Context(), db, func(tx *gorm.DB) error {
			runs.Add(1)
			if err := increment(tx, first); err != nil {
				return err
			}
			meet()
			return increment(tx, second)
		})
		if err != nil {
			t.Error(err)
		}
	}
	done.Go(func() { lockBoth(1, 2) })
	done.Go(func() { lockBoth(2, 1) })
	done.Wait()
	if runs.Load() < 3 {
		t.Errorf("fn ran %d times, want a victim's second run", runs.Load())
	}
	wantNumber(t, db, 1, 2)
	wantNumber(t, db, 2, 2)
	wantNoLeak(t, db)
}

func TestTransactDoesNotWaitTwiceForALock(t *testing.T) {
	t.Parallel()
	url := databasetest.URL(t, databasetest.Postgres)
	db := withCounter(t, databasetest.Open(t, withParam(url, "lock_timeout", "20ms")), 1)
	runs := 0
	err := database.Transact(t.Context(), db, func(holder *gorm.DB) error {
		if err := increment(holder, 1); err != nil {
			return err
		}
		return database.Transact(t.Context(), db, func(tx *gorm.DB) error {
			runs++
			return increment(tx, 1)
		})
	})
	const lockNotAvailable = "55P03"
	if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != lockNotAvailable {
		t.Errorf("got %v", err)
	}
	wantRuns(t, runs, 1)
}

func TestTransactRunsAgainWhenTheServerEndsTheSession(t *testing.T) {
	t.Parallel()
	db := withCounter(t, databasetest.New(t, databasetest.Postgres), 1)
	runs := 0
	err := database.Transact(t.Context(), db, func(tx *gorm.DB) error {
		runs++
		if err := increment(tx, 1); err != nil || runs > 1 {
			return err
		}
		var session int
		if err := tx.Raw("SELECT pg_backend_pid()").Take(&session).Error; err != nil {
			return err
		}
		execute(t, db, "SELECT pg_terminate_backend(?)", session)
		return increment(tx, 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	wantRuns(t, runs, 2)
	wantNumber(t, db, 1, 1)
	wantNoLeak(t, db)
}
