package database_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database"
	"pointcharge/internal/database/databasetest"
)

func TestSixtyFourWritersShareOneFile(t *testing.T) {
	t.Parallel()
	address := "file:" + filepath.Join(t.TempDir(), "test.db") // durable, as in production
	// Two handles wait for each other as two processes do: through SQLite's locks on the file.
	servers := []*gorm.DB{databasetest.Open(t, address), databasetest.Open(t, address)}
	withCounter(t, servers[0], 1)

	const writers, each = 64, 5
	begin := time.Now()
	var done sync.WaitGroup
	for writer := range writers {
		done.Go(func() {
			for range each {
				err := database.Transact(t.Context(), servers[writer%2], func(tx *gorm.DB) error { return increment(tx, 1) })
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	t.Logf("%d transactions took %v", writers*each, time.Since(begin))
	wantNumber(t, servers[0], 1, writers*each)
	for _, db := range servers {
		wantNoLeak(t, db)
	}
}

func TestSQLiteReadsWhileATransactionWrites(t *testing.T) {
	t.Parallel()
	db := withCounter(t, databasetest.New(t, databasetest.SQLite), 1)
	err := database.Transact(t.Context(), db, func(tx *gorm.DB) error {
		if err := increment(tx, 1); err != nil {
			return err
		}
		wantNumber(t, db, 1, 0) // would wait for ever if readers waited for the writer
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantNumber(t, db, 1, 1)
}

func TestSQLiteReturnsRowsThatAStatementWrites(t *testing.T) {
	t.Parallel()
	db := withCounter(t, databasetest.New(t, databasetest.SQLite), 1)
	var number int
	if err := db.Raw("\n UPDATE counters SET number = 5 WHERE id = 1 RETURNING number").Take(&number).Error; err != nil {
		t.Fatal(err)
	}
	if number != 5 {
		t.Errorf("got %d", number)
	}
	wantNumber(t, db, 1, 5)
}

func TestTransactGivesUpOnABusyFileWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	address := withParam(databasetest.URL(t, databasetest.SQLite), "_pragma", "busy_timeout(0)")
	db := withCounter(t, databasetest.Open(t, address), 1)
	other := databasetest.Open(t, address)
	runs := 0
	write := func(ctx context.Context) error {
		return database.Transact(ctx, other, func(tx *gorm.DB) error { runs++; return increment(tx, 1) })
	}
	err := database.Transact(t.Context(), db, func(*gorm.DB) error {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := write(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantRuns(t, runs, 0)
	wantNoLeak(t, other)
	if err := write(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTransactRunsAgainWhenTheFileIsBusyAtCommit(t *testing.T) {
	t.Parallel()
	// Without WAL, a COMMIT waits for readers.
	address := "file:" + filepath.Join(t.TempDir(), "test.db") + "?_pragma=journal_mode(DELETE)&_pragma=busy_timeout(0)"
	db := withCounter(t, databasetest.Open(t, address), 1)
	reader := databasetest.Open(t, address).Begin(&sql.TxOptions{ReadOnly: true})
	wantNumber(t, reader, 1, 0) // now it holds a read lock

	runs := 0
	err := database.Transact(t.Context(), db, func(tx *gorm.DB) error {
		if runs++; runs == 2 {
			reader.Rollback()
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

func TestSQLiteCanBeginAfterACommitWasRefused(t *testing.T) {
	t.Parallel()
	db := withCounter(t, databasetest.New(t, databasetest.SQLite), 1)
	execute(t, db, "CREATE TABLE children (parent integer REFERENCES counters (id) DEFERRABLE INITIALLY DEFERRED)")
	err := database.Transact(t.Context(), db, func(tx *gorm.DB) error {
		return tx.Exec("INSERT INTO children (parent) VALUES (404)").Error
	})
	if !errors.Is(err, gorm.ErrForeignKeyViolated) {
		t.Errorf("got %v", err)
	}
	if err := database.Transact(t.Context(), db, func(tx *gorm.DB) error { return increment(tx, 1) }); err != nil {
		t.Fatal(err)
	}
	wantNumber(t, db, 1, 1)
}

func TestADatabaseInMemoryOutlivesACancelledTransaction(t *testing.T) {
	t.Parallel()
	db := withCounter(t, databasetest.Open(t, "file::memory:"), 1)
	ctx, cancel := context.WithCancel(t.Context())
	err := database.Transact(ctx, db, func(tx *gorm.DB) error {
		cancel()
		tx = tx.WithContext(t.Context())
		for !errors.Is(increment(tx, 1), sql.ErrTxDone) { // until database/sql has noticed that ctx ended
			runtime.Gosched()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantNumber(t, db, 1, 0)
	wantNoLeak(t, db)
}
