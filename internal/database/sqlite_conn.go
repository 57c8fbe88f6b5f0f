package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/cenkalti/backoff/v5"
	gosqlite "github.com/glebarez/go-sqlite"
)

const sqliteBusy = 5 // SQLITE_BUSY; extended codes carry the reason in the higher bits

func isBusy(err error) bool {
	refused, ok := errors.AsType[*gosqlite.Error](err)
	return ok && refused.Code()&0xff == sqliteBusy
}

// sqliteConnector opens connections that repair two gaps between the driver and database/sql.
type sqliteConnector struct{ dsn string }

// Connect tries again while the file is busy: several servers creating one file at the same time
// all switch the file to WAL, and SQLite refuses all but one at once, regardless of the busy
// timeout.
func (c sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	open := func() (driver.Conn, error) {
		conn, err := c.Driver().Open(c.dsn)
		if err != nil && !isBusy(err) {
			err = backoff.Permanent(err)
		}
		return conn, err
	}
	conn, err := backoff.Retry(ctx, open, retryOptions(ctx)...)
	if err != nil {
		return nil, err
	}
	return &sqliteConn{driverConn: conn.(driverConn)}, nil
}

// Driver returns the pure Go driver without additional functions.
func (c sqliteConnector) Driver() driver.Driver { return &gosqlite.Driver{} }

// driverConn lists the interfaces that database/sql finds in a connection of the driver; the
// wrapper must implement all of them.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
}

type sqliteConn struct {
	driverConn
	migrating bool // inside the transaction of sqliteMigrationLock
}

// ResetSession and IsValid tell database/sql to keep a connection after the end of a context has
// rolled a transaction back. Otherwise database/sql would close the connection, and drop a database
// in memory.
func (c *sqliteConn) ResetSession(context.Context) error { return nil }

// IsValid is documented at ResetSession.
func (c *sqliteConn) IsValid() bool { return true }

// BeginTx begins a transaction, or a savepoint while the database is migrated: goose opens a
// transaction for each migration, inside the one transaction that keeps other servers out.
func (c *sqliteConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if c.migrating {
		_, err := c.ExecContext(ctx, "SAVEPOINT migration", nil)
		return sqliteSavepoint{c}, err
	}
	tx, err := c.driverConn.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return sqliteTx{tx}, nil
}

type sqliteTx struct{ driver.Tx }

// Commit rolls back when the COMMIT fails. SQLite keeps a transaction open after a refused COMMIT
// (busy, a deferred foreign key), database/sql considers the transaction finished, and the next
// user of the connection could not begin.
func (tx sqliteTx) Commit() error {
	err := tx.Tx.Commit()
	if err != nil {
		// Fails if SQLite has rolled back already; no transaction stays open in either case.
		_ = tx.Rollback()
	}
	return err
}

type sqliteSavepoint struct{ conn *sqliteConn }

func (s sqliteSavepoint) Commit() error {
	_, err := s.conn.ExecContext(context.Background(), "RELEASE migration", nil)
	return err
}

func (s sqliteSavepoint) Rollback() error {
	_, err := s.conn.ExecContext(context.Background(), "ROLLBACK TO migration; RELEASE migration", nil)
	return err
}

// sqliteMigrationLock is goose's lock on SQLite: a transaction around all migrations, possible for
// only one process at a time.
type sqliteMigrationLock struct{}

// SessionLock waits until no other process migrates.
func (sqliteMigrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		_, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE")
		if err != nil && !isBusy(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, retryOptions(ctx)...)
	if err != nil {
		return err
	}
	return setMigrating(conn, true)
}

// SessionUnlock commits the migrations. A failed migration has been rolled back to the migration's
// savepoint already.
func (sqliteMigrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "COMMIT")
	if err != nil {
		// Fails if SQLite has rolled back already, as after an interrupt.
		_, _ = conn.ExecContext(ctx, "ROLLBACK")
	}
	return errors.Join(err, setMigrating(conn, false))
}

func setMigrating(conn *sql.Conn, migrating bool) error {
	return conn.Raw(func(driverConn any) error {
		driverConn.(*sqliteConn).migrating = migrating
		return nil
	})
}
