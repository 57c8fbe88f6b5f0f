// Package database opens PostgreSQL or SQLite through GORM, brings the schema up to date, and runs
// transactions that survive ordinary trouble: serialization failures, deadlocks, a busy file, a
// lost connection.
//
// The package does not know the meaning of any table. The SQL in migrations/ belongs to the domain
// packages; this package only applies the SQL.
package database

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"gorm.io/gorm"
)

// Open connects to the database at url and proves with one round trip that the database answers.
// The url is postgres://… or postgresql://… for PostgreSQL, or file:… for SQLite, where missing
// files and folders are created.
//
// A setting in the url overrides this package's settings: lock_timeout or statement_timeout as
// PostgreSQL parameters, pool_max_conns for the number of connections, _pragma for SQLite. Errors
// never contain the url, because the url holds a password. Statements are logged to log without
// bound values.
func Open(ctx context.Context, url string, log *slog.Logger) (*gorm.DB, error) {
	var dialector gorm.Dialector
	var err error
	switch {
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		dialector, err = openPostgres(ctx, url)
	case strings.HasPrefix(url, "file:"):
		dialector, err = openSQLite(ctx, url)
	default:
		err = errors.New("the address must begin with postgres:// or postgresql:// (PostgreSQL), or with file: (SQLite)")
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return openGORM(dialector, log)
}

func openGORM(dialector gorm.Dialector, log *slog.Logger) (*gorm.DB, error) {
	db, err := gorm.Open(dialector, &gorm.Config{
		Logger:                   newLogger(log),
		NowFunc:                  utcNow,
		TranslateError:           true,
		SkipDefaultTransaction:   true, // the domains open all transactions
		DisableNestedTransaction: true, // no savepoints: a distributed engine may have none
		// pgx caches statements; a second cache costs about 30 % inside transactions.
		PrepareStmt:          false,
		DisableAutomaticPing: true, // was done with the caller's context
	})
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return db, nil
}

// utcNow returns UTC because SQLite compares times as text, and whole microseconds because
// PostgreSQL stores no more digits: a time reads back unchanged.
func utcNow() time.Time {
	return time.Now().UTC().Truncate(time.Microsecond)
}

// Close waits for running statements and closes every connection of db.
func Close(db *gorm.DB) error {
	pool, ok := db.ConnPool.(io.Closer)
	if !ok {
		return errors.New("close database: this handle is a transaction")
	}
	return pool.Close()
}
