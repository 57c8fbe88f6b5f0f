package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
)

const sqliteReaders = 8

// openSQLite keeps one connection for writing and several for reading. SQLite has one writer at a
// time. Writers waiting in database/sql's queue notice the end of a context, while SQLite's own
// busy handler sleeps, polls and starves some writers. See TestSixtyFourWritersShareOneFile.
func openSQLite(ctx context.Context, address string) (gorm.Dialector, error) {
	if err := createSQLiteFolder(address); err != nil {
		return nil, err
	}
	connector := sqliteConnector{dsn: sqliteDSN(address)}
	writer := openSQLitePool(connector, 1)
	readers := writer // every connection to a database in memory would see another database
	if !isInMemory(address) {
		readers = openSQLitePool(connector, sqliteReaders)
	}
	pool := &sqlitePool{DB: readers, writer: writer}
	// The writer first: the writer creates the file and switches to WAL before any reader opens the
	// file.
	if err := errors.Join(writer.PingContext(ctx), readers.PingContext(ctx)); err != nil {
		return nil, errors.Join(describeSQLiteError(address, err), pool.Close())
	}
	return &sqlite.Dialector{Conn: pool}, nil
}

func openSQLitePool(connector sqliteConnector, connections int) *sql.DB {
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool
}

// sqliteDSN puts our settings before the address's settings: SQLite obeys the last value.
func sqliteDSN(address string) string {
	file, query, _ := strings.Cut(address, "?")
	// A transaction that reads before writing cannot fail half-way as busy.
	ours := "_txlock=immediate" +
		// For another process's writes; Transact handles longer waits, and sees a context's end.
		"&_pragma=busy_timeout(1000)" +
		"&_pragma=journal_mode(WAL)" + // readers and the writer do not wait for each other
		"&_pragma=synchronous(FULL)" + // a charge survives a power cut once answered
		"&_pragma=foreign_keys(1)"
	if query == "" {
		return file + "?" + ours
	}
	return file + "?" + ours + "&" + query
}

func isInMemory(address string) bool {
	return strings.Contains(address, ":memory:") || strings.Contains(address, "mode=memory")
}

func createSQLiteFolder(address string) error {
	if isInMemory(address) {
		return nil
	}
	file, err := sqliteFilePath(address)
	if err != nil {
		return err
	}
	// Other users of this machine must not see payments.
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return explainNotWritable(filepath.Dir(file), err)
	}
	return nil
}

// describeSQLiteError explains why SQLite cannot open or write a file. SQLite's own text, "out of
// memory" or "unable to open database file", is replaced by the path, the reason and the user.
func describeSQLiteError(address string, err error) error {
	path, pathErr := sqliteFilePath(address)
	if pathErr != nil || isInMemory(address) {
		return err
	}
	for _, try := range []func(string) error{tryFolder, tryFile} {
		if reason := try(path); reason != nil {
			return reason
		}
	}
	return fmt.Errorf("cannot open %s: %w", path, err)
}

// tryFolder creates a file beside the database, like SQLite for the log.
func tryFolder(path string) error {
	folder := filepath.Dir(path)
	probe, err := os.CreateTemp(folder, ".pointcharge-*")
	if err != nil {
		return explainNotWritable(folder, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func tryFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // the operator names the file in DATABASE_URL
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return explainNotWritable(path, err)
	}
	return file.Close()
}

func explainNotWritable(path string, err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err
	}
	return fmt.Errorf("%s is not writable by user %s: %w", path, userName(), err)
}

// userName returns the user of this process, by number where the system knows no name: minimal
// container images have no user database.
func userName() string {
	id := strconv.Itoa(os.Getuid())
	if account, err := user.LookupId(id); err == nil {
		return account.Username + " (" + id + ")"
	}
	return id
}

// sqliteFilePath reads file:data/x.db, file:/var/x.db and file:///var/x.db as SQLite does.
func sqliteFilePath(address string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("the SQLite address cannot be read: %w", err)
	}
	if parsed.Opaque == "" {
		return parsed.Path, nil
	}
	return url.PathUnescape(parsed.Opaque)
}

// sqlitePool is GORM's connection pool for a SQLite file: SELECT goes to the readers, all else to
// the writer.
type sqlitePool struct {
	*sql.DB // the readers
	writer  *sql.DB
}

// BeginTx begins at the writer, unless the transaction promises to read only.
func (p *sqlitePool) BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error) {
	if opts != nil && opts.ReadOnly {
		return p.DB.BeginTx(ctx, opts)
	}
	return p.writer.BeginTx(ctx, opts)
}

// ExecContext runs at the writer.
func (p *sqlitePool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return p.writer.ExecContext(ctx, query, args...)
}

// QueryContext runs a query at a reader, or at the writer if the query returns written rows
// (RETURNING).
func (p *sqlitePool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return p.poolFor(query).QueryContext(ctx, query, args...)
}

// QueryRowContext chooses like QueryContext.
func (p *sqlitePool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return p.poolFor(query).QueryRowContext(ctx, query, args...)
}

func (p *sqlitePool) poolFor(query string) *sql.DB {
	const read = "SELECT"
	query = strings.TrimSpace(query)
	if len(query) >= len(read) && strings.EqualFold(query[:len(read)], read) {
		return p.DB
	}
	return p.writer
}

// GetDBConn returns the writer, as the result of GORM's DB.DB(), because migrations, statistics and
// limits concern the writer.
func (p *sqlitePool) GetDBConn() (*sql.DB, error) { return p.writer, nil }

// Close closes the readers first, so that the last connection, the writer, folds the WAL into the
// file.
func (p *sqlitePool) Close() error {
	return errors.Join(p.DB.Close(), p.writer.Close())
}
