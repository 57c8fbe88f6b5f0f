package database_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database"
	"pointcharge/internal/database/databasetest"
)

var errRefused = errors.New("refused")

// withCounter adds a table of counters, each with one row id and a number.
func withCounter(t *testing.T, db *gorm.DB, ids ...int) *gorm.DB {
	t.Helper()
	execute(t, db, "CREATE TABLE counters (id integer PRIMARY KEY, number integer NOT NULL)")
	for _, id := range ids {
		execute(t, db, "INSERT INTO counters (id, number) VALUES (?, 0)", id)
	}
	return db
}

func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func execute(t *testing.T, db *gorm.DB, sql string, args ...any) {
	t.Helper()
	if err := db.Exec(sql, args...).Error; err != nil {
		t.Fatal(err)
	}
}

func increment(tx *gorm.DB, id int) error {
	return tx.Exec("UPDATE counters SET number = number + 1 WHERE id = ?", id).Error
}

func wantNumber(t *testing.T, db *gorm.DB, id, want int) {
	t.Helper()
	var number int
	if err := db.Raw("SELECT number FROM counters WHERE id = ?", id).Take(&number).Error; err != nil {
		t.Fatal(err)
	}
	if number != want {
		t.Errorf("counter %d is %d, want %d", id, number, want)
	}
}

func wantRuns(t *testing.T, runs, want int) {
	t.Helper()
	if runs != want {
		t.Errorf("fn ran %d times, want %d", runs, want)
	}
}

// wantNoLeak proves that every connection came back: with room for one connection, a statement only
// runs if no connection is lost. wantNoLeak waits for the rollback that database/sql does in the
// background when a context ends.
func wantNoLeak(t *testing.T, db *gorm.DB) {
	t.Helper()
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(1)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := pool.PingContext(ctx); err != nil {
		t.Fatalf("a connection leaked: %v", err)
	}
	if inUse := pool.Stats().InUse; inUse != 0 {
		t.Errorf("%d connections leaked", inUse)
	}
}

func TestTransactCommitsTheWorkOfFn(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		withCounter(t, db, 1)
		if err := database.Transact(t.Context(), db, func(tx *gorm.DB) error { return increment(tx, 1) }); err != nil {
			t.Fatal(err)
		}
		wantNumber(t, db, 1, 1)
		wantNoLeak(t, db)
	})
}

func TestTransactRollsBackAndReturnsARefusalAsItIs(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		withCounter(t, db, 1)
		runs := 0
		err := database.Transact(t.Context(), db, func(tx *gorm.DB) error {
			runs++
			return errors.Join(increment(tx, 1), errRefused)
		})
		if !errors.Is(err, errRefused) {
			t.Errorf("got %v", err)
		}
		wantRuns(t, runs, 1)
		wantNumber(t, db, 1, 0)
		wantNoLeak(t, db)
	})
}

func TestTransactDoesNotTakeFnsOwnEOFForALostConnection(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		runs := 0
		err := database.Transact(t.Context(), db, func(*gorm.DB) error {
			runs++
			return fmt.Errorf("read a payment: %w", io.ErrUnexpectedEOF)
		})
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v", err)
		}
		wantRuns(t, runs, 1)
	})
}

func TestTransactRollsBackAPanic(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		withCounter(t, db, 1)
		panicked := func() (recovered any) {
			defer func() { recovered = recover() }()
			_ = database.Transact(t.Context(), db, func(tx *gorm.DB) error {
				panic(errors.Join(increment(tx, 1), errRefused))
			})
			return nil
		}()
		if panicked == nil {
			t.Error("the panic did not reach the caller")
		}
		wantNumber(t, db, 1, 0)
		wantNoLeak(t, db)
	})
}

func TestTransactRefusesToNest(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		err := database.Transact(t.Context(), db, func(tx *gorm.DB) error {
			return database.Transact(t.Context(), tx, func(*gorm.DB) error { return nil })
		})
		if err == nil {
			t.Error("a transaction inside a transaction was begun")
		}
		wantNoLeak(t, db)
	})
}

func TestTransactDoesNothingForACancelledContext(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		runs := 0
		err := database.Transact(ctx, db, func(*gorm.DB) error { runs++; return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		wantRuns(t, runs, 0)
		wantNoLeak(t, db)
	})
}

func TestTransactRollsBackWhenTheContextEndsInsideFn(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		withCounter(t, db, 1)
		ctx, cancel := context.WithCancelCause(t.Context())
		runs := 0
		err := database.Transact(ctx, db, func(tx *gorm.DB) error {
			runs++
			err := increment(tx, 1)
			cancel(errRefused)
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		wantRuns(t, runs, 1)
		wantNoLeak(t, db)
		wantNumber(t, db, 1, 0)
	})
}

func TestTransactReportsTheContextThatEndedAStatement(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		withCounter(t, db, 1)
		ctx, cancel := context.WithCancel(t.Context())
		err := database.Transact(ctx, db, func(tx *gorm.DB) error {
			if err := increment(tx, 1); err != nil {
				return err
			}
			cancel()
			return increment(tx, 1)
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		wantNoLeak(t, db)
		wantNumber(t, db, 1, 0)
	})
}
