package database

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"gorm.io/gorm"
)

//go:embed migrations
var migrations embed.FS

// Migrate applies the missing migrations to the database at db, each in a transaction of its own.
// Servers starting together take turns, on both dialects; a server whose migrations another server
// has applied returns at once. Migrate refuses a database that a newer program has migrated.
func Migrate(ctx context.Context, db *gorm.DB) error {
	files, err := migrationFiles(db)
	if err != nil {
		return err
	}
	return applyMigrations(ctx, db, files)
}

func applyMigrations(ctx context.Context, db *gorm.DB, files fs.FS) error {
	provider, closeProvider, err := newProvider(db, files)
	if err != nil {
		return err
	}
	defer closeProvider()
	if _, err := provider.Up(ctx); err != nil {
		return withContextError(ctx, fmt.Errorf("migrate database: %w", err))
	}
	// After Up, because Up may have waited for another server's migration.
	current, err := currentVersion(ctx, db)
	if err != nil {
		return err
	}
	return refuseNewer(current, provider)
}

// migrationFiles returns the migrations of the database's dialect.
func migrationFiles(db *gorm.DB) (fs.FS, error) {
	files, err := fs.Sub(migrations, "migrations/"+db.Name())
	if err != nil {
		return nil, fmt.Errorf("migrate database: %w", err)
	}
	return files, nil
}

// newProvider returns the provider of the migrations. Behind a connection pooler the provider has
// connections of its own; closeProvider closes them.
func newProvider(db *gorm.DB, files fs.FS) (provider *goose.Provider, closeProvider func(), err error) {
	pool, err := db.DB()
	if err != nil {
		return nil, nil, fmt.Errorf("migrate database: %w", err)
	}
	closeProvider = func() {}
	dialect, migrationLock := goose.DialectPostgres, lock.SessionLocker(postgresMigrationLock{})
	if db.Name() == "sqlite" {
		dialect, migrationLock = goose.DialectSQLite3, sqliteMigrationLock{}
	}
	if postgres, ok := db.Dialector.(postgresDialector); ok && postgres.migrationConnector != nil {
		pool = openPostgresPool(postgres.migrationConnector, 2)
		closeProvider = func() { _ = pool.Close() }
		migrationLock = &pooledMigrationLock{pool: pool}
	}
	provider, err = goose.NewProvider(dialect, pool, files,
		goose.WithSessionLocker(migrationLock), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		closeProvider()
		return nil, nil, fmt.Errorf("migrate database: %w", err)
	}
	return provider, closeProvider, nil
}

// postgresMigrationLock is an advisory lock of the session. Only a simultaneous start depends on
// the lock: on an engine without advisory locks, run the migrate command once before the servers.
type postgresMigrationLock struct{}

var errMigrating = errors.New("another server migrates")

// SessionLock polls rather than wait inside one statement: a waiting statement holds a snapshot,
// and CREATE INDEX CONCURRENTLY in the other server's migration would wait for the snapshot.
func (postgresMigrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	if err := retryAdvisoryLock(ctx, conn, "SELECT pg_try_advisory_lock($1)"); err != nil {
		return err
	}
	// An index on a large table may take longer than any request. lock_timeout stays: after three
	// seconds without a table's lock, the migration must not make every request queue behind the
	// waiting statement.
	_, err := conn.ExecContext(ctx, "SET statement_timeout = 0")
	return err
}

func retryAdvisoryLock(ctx context.Context, session rowQuerier, query string) error {
	tryLock := func() (bool, error) {
		var locked bool
		err := session.QueryRowContext(ctx, query, lock.DefaultLockID).Scan(&locked)
		if err != nil {
			return false, backoff.Permanent(err)
		}
		if !locked {
			return false, errMigrating
		}
		return true, nil
	}
	_, err := backoff.Retry(ctx, tryLock, append(retryOptions(ctx), backoff.WithMaxElapsedTime(5*time.Minute))...)
	return err
}

// rowQuerier is a connection, or a transaction on one.
type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// SessionUnlock gives the connection back to the pool in the original state.
func (postgresMigrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "RESET statement_timeout")
	_, unlockErr := conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", lock.DefaultLockID)
	return errors.Join(err, unlockErr)
}

// pooledMigrationLock is the same lock behind a connection pooler. There a session's lock would
// stay with a session that other clients get next, so a transaction beside the migrations holds the
// lock. Without a snapshot (READ COMMITTED) the transaction blocks no CREATE INDEX CONCURRENTLY.
type pooledMigrationLock struct {
	pool   *sql.DB
	holder *sql.Tx
}

// SessionLock waits until no other server migrates.
func (l *pooledMigrationLock) SessionLock(ctx context.Context, _ *sql.Conn) error {
	holder, err := l.pool.BeginTx(context.WithoutCancel(ctx), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	_, err = holder.ExecContext(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0")
	if err == nil {
		err = retryAdvisoryLock(ctx, holder, "SELECT pg_try_advisory_xact_lock($1)")
	}
	if err != nil {
		return errors.Join(err, holder.Rollback())
	}
	l.holder = holder
	return nil
}

// SessionUnlock ends the transaction with the lock.
func (l *pooledMigrationLock) SessionUnlock(context.Context, *sql.Conn) error {
	return l.holder.Rollback()
}

// Stamp writes mode into a database at the first start, and refuses a database stamped with another
// mode: sandbox money must never meet real customers. The migrations must have been applied.
func Stamp(ctx context.Context, db *gorm.DB, mode string) error {
	var stamped string
	// Read first: a standby takes no writes, and most starts are not the first.
	err := db.WithContext(ctx).Raw("SELECT mode FROM database_mode WHERE id = 1").Scan(&stamped).Error
	if err == nil && stamped == mode {
		return nil
	}
	err = Transact(ctx, db, func(tx *gorm.DB) error {
		err := tx.Exec("INSERT INTO database_mode (id, mode) VALUES (1, ?) ON CONFLICT (id) DO NOTHING", mode).Error
		if err != nil {
			return err
		}
		return tx.Raw("SELECT mode FROM database_mode WHERE id = 1").Take(&stamped).Error
	})
	if err != nil {
		return fmt.Errorf("stamp database: %w", err)
	}
	if stamped != mode {
		return fmt.Errorf("this database belongs to %s mode and cannot serve %s mode: "+
			"set MODE=%s, or give %s mode a DATABASE_URL of its own", stamped, mode, stamped, mode)
	}
	return nil
}
