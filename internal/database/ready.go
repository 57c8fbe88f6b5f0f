package database

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
)

var errReadOnly = errors.New("the database is read-only: a standby, a fail-over under way, or default_transaction_read_only")

// Ready returns nil when db answers and accepts writes. Ready writes no rows: PostgreSQL tells
// whether a write would be refused, and on SQLite a transaction takes the writer's lock. A SQLite
// file with another transaction writing is ready.
func Ready(ctx context.Context, db *gorm.DB) error {
	if err := checkWritable(db.WithContext(ctx)); err != nil {
		return fmt.Errorf("database is not ready: %w", withContextError(ctx, err))
	}
	return nil
}

func checkWritable(db *gorm.DB) error {
	postgres, ok := db.Dialector.(postgresDialector)
	if !ok {
		return checkSQLiteWritable(db)
	}
	err := checkPostgresWritable(db)
	if errors.Is(err, errReadOnly) {
		// The server may be writable again, with only this session outdated.
		postgres.sessions.discardSessions()
		err = checkPostgresWritable(db)
	}
	return err
}

func checkPostgresWritable(db *gorm.DB) error {
	var readOnly bool
	err := db.Raw("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean").Row().Scan(&readOnly)
	if err != nil {
		return err
	}
	if readOnly {
		return errReadOnly
	}
	return nil
}

func checkSQLiteWritable(db *gorm.DB) error {
	err := db.Transaction(func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error })
	if isBusy(err) {
		return nil
	}
	return err
}
