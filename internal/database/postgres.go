package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

const (
	defaultConnections = 20
	connectTimeout     = 5 * time.Second
	// Connections are replaced now and then, so that the pool notices a fail-over or a grown
	// cluster without a restart.
	connectionLifetime = time.Hour
)

func openPostgres(ctx context.Context, url string) (gorm.Dialector, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, describeParseError(url, err)
	}
	connections, err := takeMaxConnections(config.RuntimeParams)
	if err != nil {
		return nil, err
	}
	limits := takeLimits(config.RuntimeParams)
	setDefaults(config)
	preferPrimary(config, url)

	pooler, err := detectPooler(ctx, config)
	if err != nil {
		return nil, describeConnectError(url, err)
	}
	sessions := &postgresSessions{}
	sessions.installHooks(config)
	dialector := postgresDialector{sessions: sessions}
	connector := limits.directConnector(config, sessions)
	if pooler {
		dialector.migrationConnector = limits.withoutStatementTimeout().pooledConnector(config, sessions, false)
		connector = limits.pooledConnector(config, sessions, true)
	}
	pool := openPostgresPool(connector, connections)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(describeConnectError(url, err), pool.Close())
	}
	dialector.Dialector = postgres.New(postgres.Config{Conn: pool}).(*postgres.Dialector)
	return dialector, nil
}

func openPostgresPool(connector driver.Connector, connections int) *sql.DB {
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections) // fewer would close and dial connections under load
	pool.SetConnMaxLifetime(connectionLifetime)
	return pool
}

// takeMaxConnections takes pool_max_conns, pgx's own name for the limit, out of the parameters for
// the server.
func takeMaxConnections(params map[string]string) (int, error) {
	text, ok := params["pool_max_conns"]
	if !ok {
		return defaultConnections, nil
	}
	delete(params, "pool_max_conns")
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, errors.New("pool_max_conns in DATABASE_URL must be a number above zero")
	}
	return n, nil
}

// setDefaults sets only startup parameters that every connection pooler accepts.
func setDefaults(config *pgx.ConnConfig) {
	for name, value := range map[string]string{"application_name": "pointcharge", "timezone": "UTC"} {
		if _, given := config.RuntimeParams[name]; !given {
			config.RuntimeParams[name] = value
		}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
}

// preferPrimary passes over standbys when the address names several hosts without a choice
// (target_session_attrs).
func preferPrimary(config *pgx.ConnConfig, url string) {
	if config.ValidateConnect != nil || strings.Contains(url, "target_session_attrs") {
		return
	}
	for _, other := range config.Fallbacks {
		if other.Host != config.Host || other.Port != config.Port {
			config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
			return
		}
	}
}

// postgresDialector changes GORM's handling of PostgreSQL's errors and of logged statements.
type postgresDialector struct {
	*postgres.Dialector

	sessions *postgresSessions
	// migrationConnector is set behind a connection pooler, where migrations need connections with
	// other limits. Without a pooler, SET changes the limits.
	migrationConnector driver.Connector
}

// Explain leaves a statement without values unchanged; GORM's own Explain would write $1$ for $1.
func (d postgresDialector) Explain(sql string, values ...any) string {
	if len(values) == 0 {
		return sql
	}
	return d.Dialector.Explain(sql, values...)
}

// Translate keeps bound values out of an error's text. Translate also marks a lost connection while
// the difference from the caller's own io.EOF is visible: pgx reports a lost connection as a bare
// network error.
func (d postgresDialector) Translate(err error) error {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		err = withoutValues(*refused)
	}
	if isConnectionLost(err) {
		return connectionLostError{err}
	}
	return d.Dialector.Translate(err)
}

// withoutValues drops quotes from rows and parameters: PostgreSQL's detail names an existing key,
// and a data exception (class 22) quotes the unreadable value.
func withoutValues(err pgconn.PgError) error {
	err.Detail, err.Where, err.InternalQuery = "", "", ""
	if strings.HasPrefix(err.Code, "22") {
		err.Message = "a value was refused"
	}
	return &err
}

// connectionLostError marks a broken connection, after which the outcome of the last statement is
// unknown.
type connectionLostError struct{ error }

func (e connectionLostError) Unwrap() error { return e.error }

func isConnectionLost(err error) bool {
	if _, ok := errors.AsType[*pgconn.PgError](err); ok {
		return false // the server answered: the error's code decides
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true // also after connect_timeout, which looks like a context's error
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		// pgx closes the connection when a statement's context ends; the caller wanted the end.
		return false
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, sql.ErrConnDone)
}
