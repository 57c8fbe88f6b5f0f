package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

const (
	defaultConnections = 20
	connectTimeout     = 5 * time.Second
	// A connection is replaced now and then so that a fail-over or a grown cluster is noticed without a restart.
	connectionLifetime = time.Hour
)

func openPostgres(ctx context.Context, url string) (gorm.Dialector, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		// pgx hides passwords in its message as well as it can. Of a mistyped address that is not well enough.
		return nil, errors.New("the PostgreSQL address cannot be read; expected postgres://user:password@host:5432/name")
	}
	connections, err := takeMaxConnections(config.RuntimeParams)
	if err != nil {
		return nil, err
	}
	setDefaults(config)

	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(scanTimesAsUTC))
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections) // fewer would close and dial connections under load
	pool.SetConnMaxLifetime(connectionLifetime)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	dialector := postgres.New(postgres.Config{Conn: pool}).(*postgres.Dialector)
	return postgresDialector{dialector}, nil
}

// takeMaxConnections takes pool_max_conns, pgx's own name for it, out of the parameters that are sent to the server.
func takeMaxConnections(params map[string]string) (int, error) {
	text, ok := params["pool_max_conns"]
	if !ok {
		return defaultConnections, nil
	}
	delete(params, "pool_max_conns")
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("pool_max_conns must be a number above zero, not %q", text)
	}
	return n, nil
}

// setDefaults bounds every wait at the server, so that a lost client or a forgotten transaction cannot hold a lock.
// They travel as startup parameters, beside whatever PGOPTIONS asks for.
func setDefaults(config *pgx.ConnConfig) {
	defaults := map[string]string{
		"application_name":                    "pointcharge",
		"lock_timeout":                        "3s",
		"statement_timeout":                   "10s",
		"idle_in_transaction_session_timeout": "30s",
		"timezone":                            "UTC",
	}
	for name, value := range defaults {
		if _, given := config.RuntimeParams[name]; !given {
			config.RuntimeParams[name] = value
		}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
}

// scanTimesAsUTC, because pgx reads timestamptz in the machine's zone and two machines should print the same time.
func scanTimesAsUTC(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name:  "timestamptz",
		OID:   pgtype.TimestamptzOID,
		Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// postgresDialector changes what GORM makes of PostgreSQL's errors and of logged statements.
type postgresDialector struct{ *postgres.Dialector }

// Explain leaves a statement without values as it is; GORM's own would write $1$ for $1.
func (d postgresDialector) Explain(sql string, values ...any) string {
	if len(values) == 0 {
		return sql
	}
	return d.Dialector.Explain(sql, values...)
}

// Translate keeps bound values out of an error's text, and marks a lost connection while it can still be told from the
// caller's own io.EOF: pgx reports one as a bare network error.
func (d postgresDialector) Translate(err error) error {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		err = withoutValues(*refused)
	}
	if isConnectionLost(err) {
		return connectionLostError{err}
	}
	return d.Dialector.Translate(err)
}

// withoutValues drops what PostgreSQL quotes from rows and parameters: a detail names the key that exists already, a
// data exception (class 22) quotes the value it could not read.
func withoutValues(err pgconn.PgError) error {
	err.Detail, err.Where, err.InternalQuery = "", "", ""
	if strings.HasPrefix(err.Code, "22") {
		err.Message = "a value was refused"
	}
	return &err
}

// connectionLostError says that the connection broke, so that nobody knows what became of the last statement.
type connectionLostError struct{ error }

func (e connectionLostError) Unwrap() error { return e.error }

func isConnectionLost(err error) bool {
	if _, ok := errors.AsType[*pgconn.PgError](err); ok {
		return false // the server spoke: its code decides
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true // also when connect_timeout ran out, which is a context's error
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false // pgx closes the connection of a statement whose context ends; that was somebody's wish
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, sql.ErrConnDone)
}
