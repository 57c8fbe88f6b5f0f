package database_test

import (
	"context"
	"errors"
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/database"
	"pointcharge/internal/database/databasetest"
)

// behindProxy is a database with one counter, whose connections go through the proxy.
func behindProxy(t *testing.T) (*gorm.DB, *databasetest.Proxy) {
	t.Helper()
	proxy := databasetest.NewProxy(t, databasetest.URL(t, databasetest.Postgres))
	return withCounter(t, databasetest.Open(t, proxy.URL), 1), proxy
}

// setOnce is a convergent fn: setOnce writes only a missing row and reports in wrote whether a row
// was written.
func setOnce(wrote *[]bool) func(tx *gorm.DB) error {
	return func(tx *gorm.DB) error {
		update := tx.Exec("UPDATE counters SET number = 1 WHERE id = 1 AND number = 0")
		*wrote = append(*wrote, update.RowsAffected == 1)
		return update.Error
	}
}

func TestTransactWritesAgainWhenTheCommitDidNotArrive(t *testing.T) {
	t.Parallel()
	db, proxy := behindProxy(t)
	proxy.CutBeforeCommit()
	var wrote []bool
	if err := database.Transact(t.Context(), db, setOnce(&wrote)); err != nil {
		t.Fatal(err)
	}
	if len(wrote) != 2 || !wrote[0] || !wrote[1] {
		t.Errorf("runs wrote %v, want both to write", wrote)
	}
	wantNumber(t, db, 1, 1)
	wantNoLeak(t, db)
}

func TestTransactFindsItsWorkWhenOnlyTheAnswerToTheCommitWasLost(t *testing.T) {
	t.Parallel()
	db, proxy := behindProxy(t)
	proxy.CutAfterCommit()
	var wrote []bool
	if err := database.Transact(t.Context(), db, setOnce(&wrote)); err != nil {
		t.Fatal(err)
	}
	if len(wrote) != 2 || !wrote[0] || wrote[1] {
		t.Errorf("runs wrote %v, want only the first to write", wrote)
	}
	wantNumber(t, db, 1, 1)
	wantNoLeak(t, db)
}

func TestTransactRunsAgainWhenTheConnectionIsCutInsideFn(t *testing.T) {
	t.Parallel()
	db, proxy := behindProxy(t)
	runs := 0
	err := database.Transact(t.Context(), db, func(tx *gorm.DB) error {
		if runs++; runs == 1 {
			proxy.Cut()
		}
		return increment(tx, 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	wantRuns(t, runs, 2)
	wantNumber(t, db, 1, 1)
	wantNoLeak(t, db)
}

func TestTransactOutlivesTheLossOfEveryIdleConnection(t *testing.T) {
	t.Parallel()
	db, proxy := behindProxy(t)
	proxy.Cut()
	var wrote []bool
	if err := database.Transact(t.Context(), db, setOnce(&wrote)); err != nil {
		t.Fatal(err)
	}
	wantNumber(t, db, 1, 1)
}

func TestACommitThatNeverArrivedWritesNothingWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	db, proxy := behindProxy(t)
	held := proxy.HoldCommit()
	wrote, err := transactAndCancelAt(t, db, held)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantRuns(t, len(wrote), 1)
	wantNoLeak(t, db)
	wantNumber(t, db, 1, 0)
}

func TestACommitWhoseAnswerIsLateStaysWrittenWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	db, proxy := behindProxy(t)
	held := proxy.HoldAnswer()
	wrote, err := transactAndCancelAt(t, db, held)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantRuns(t, len(wrote), 1)
	wantNoLeak(t, db)
	wantNumber(t, db, 1, 1)
}

// transactAndCancelAt transacts and cancels the context when fault holds the COMMIT.
func transactAndCancelAt(t *testing.T, db *gorm.DB, fault *databasetest.Fault) (wrote []bool, err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-fault.Reached
		cancel()
	}()
	err = database.Transact(ctx, db, setOnce(&wrote))
	return wrote, err
}
