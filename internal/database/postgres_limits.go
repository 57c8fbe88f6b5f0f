package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresLimits bound every wait at the server, so that a lost client or a forgotten transaction
// cannot hold a lock. They are PostgreSQL settings by name.
type postgresLimits map[string]string

const statementTimeout = "statement_timeout"

func defaultLimits() postgresLimits {
	return postgresLimits{
		"lock_timeout":                        "3s",
		statementTimeout:                      "10s",
		"idle_in_transaction_session_timeout": "30s",
	}
}

// takeLimits takes the limits that the address sets out of the parameters, and adds the others.
func takeLimits(params map[string]string) postgresLimits {
	limits := defaultLimits()
	for name := range limits {
		if value, given := params[name]; given {
			limits[name] = value
			delete(params, name)
		}
	}
	return limits
}

func (l postgresLimits) withoutStatementTimeout() postgresLimits {
	changed := maps.Clone(l)
	changed[statementTimeout] = "0"
	return changed
}

// directConnector sends the limits as startup parameters, beside whatever PGOPTIONS asks for. They
// last as long as the session and cost nothing.
func (l postgresLimits) directConnector(config *pgx.ConnConfig, sessions *postgresSessions) driver.Connector {
	direct := config.Copy()
	maps.Copy(direct.RuntimeParams, l)
	return stdlib.GetConnector(*direct, sessions.options()...)
}

// pooledConnector is for PgBouncer and its like. They refuse or ignore most startup parameters, and
// in transaction mode every transaction may run in another session of the server. So each
// transaction begins with its limits, in the same round trip, and no statement is prepared by name,
// as the next session does not know it. Only descriptions are cached: parameters are encoded as
// without a pooler. A statement outside of a transaction runs in one of its own if wrap is set.
//
// No statement is ended by a cancel request: PgBouncer 1.18 crashes when it gets one at a bad time.
func (l postgresLimits) pooledConnector(config *pgx.ConnConfig, sessions *postgresSessions, wrap bool) driver.Connector {
	pooled := config.Copy()
	if pooled.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		pooled.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	return pooledConnector{stdlib.GetConnector(*pooled, sessions.options()...), l.setLocal(), wrap}
}

// setLocal is SQL that sets the limits for one transaction.
func (l postgresLimits) setLocal() string {
	var sql strings.Builder
	for _, name := range slices.Sorted(maps.Keys(l)) {
		sql.WriteString("; SET LOCAL " + name + " = '" + strings.ReplaceAll(l[name], "'", "''") + "'")
	}
	return sql.String()
}

// detectPooler reports whether config leads to a connection pooler: it gives out process ids of its
// own, to which it maps the sessions of the server.
func detectPooler(ctx context.Context, config *pgx.ConnConfig) (bool, error) {
	probe := config.Copy()
	probe.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, probe)
	if err != nil {
		return false, err
	}
	defer conn.Close(ctx)
	var session uint32
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&session); err != nil {
		return false, err
	}
	return session != conn.PgConn().PID(), nil
}

type pooledConnector struct {
	driver.Connector

	setLocal string
	wrap     bool
}

// Connect opens a session whose transactions begin with their limits.
func (c pooledConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &pooledConn{conn.(*stdlib.Conn), c.setLocal, c.wrap}, nil
}

type pooledConn struct {
	*stdlib.Conn

	setLocal string
	wrap     bool
}

// BeginTx begins a transaction and sets its limits in one round trip.
func (c *pooledConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	conn := c.Conn.Conn()
	if conn.IsClosed() {
		return nil, driver.ErrBadConn
	}
	begin := "BEGIN"
	if level := sql.IsolationLevel(opts.Isolation); level != sql.LevelDefault {
		begin += " ISOLATION LEVEL " + strings.ToUpper(level.String())
	}
	if opts.ReadOnly {
		begin += " READ ONLY"
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin + c.setLocal})
	if err != nil {
		return nil, err
	}
	return pooledTx{ctx, tx}, nil
}

// pooledTx ends with the context that it began with, as stdlib's transactions do.
type pooledTx struct {
	ctx context.Context
	tx  pgx.Tx
}

func (t pooledTx) Commit() error   { return t.tx.Commit(t.ctx) }
func (t pooledTx) Rollback() error { return t.tx.Rollback(t.ctx) }

// ExecContext runs a statement within the limits.
func (c *pooledConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.inTransaction() || !c.wrap {
		return c.Conn.ExecContext(ctx, query, args)
	}
	tx, err := c.BeginTx(ctx, driver.TxOptions{})
	if err != nil {
		return nil, err
	}
	result, err := c.Conn.ExecContext(ctx, query, args)
	if err != nil {
		_ = tx.Rollback() // fails if the connection is lost, which err says
		return nil, err
	}
	return result, tx.Commit()
}

// QueryContext runs a query within the limits. Its transaction ends when its rows are closed.
func (c *pooledConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.inTransaction() || !c.wrap {
		return c.Conn.QueryContext(ctx, query, args)
	}
	tx, err := c.BeginTx(ctx, driver.TxOptions{})
	if err != nil {
		return nil, err
	}
	rows, err := c.Conn.QueryContext(ctx, query, args)
	if err != nil {
		_ = tx.Rollback() // fails if the connection is lost, which err says
		return nil, err
	}
	return pooledRows{rows.(*stdlib.Rows), c, tx}, nil
}

// A transaction may have failed already, or the connection may be closed: both are no reason to
// begin one.
func (c *pooledConn) inTransaction() bool {
	const idle = 'I'
	return c.Conn.Conn().IsClosed() || c.Conn.Conn().PgConn().TxStatus() != idle
}

type pooledRows struct {
	*stdlib.Rows

	conn *pooledConn
	tx   driver.Tx
}

// Close ends the query and its transaction.
func (r pooledRows) Close() error {
	const failed = 'E'
	err := r.Rows.Close()
	if err != nil || r.conn.Conn.Conn().PgConn().TxStatus() == failed {
		_ = r.tx.Rollback() // fails if the connection is lost, which err says
		return err
	}
	return r.tx.Commit()
}
