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
// cannot hold a lock. The keys are PostgreSQL's settings.
type postgresLimits map[string]string

const statementTimeout = "statement_timeout"

func defaultLimits() postgresLimits {
	return postgresLimits{
		"lock_timeout":                        "3s",
		statementTimeout:                      "10s",
		"idle_in_transaction_session_timeout": "30s",
	}
}

// takeLimits takes the limits in the address out of the parameters, and adds the default limits.
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

// directConnector sends the limits as startup parameters, beside the settings in PGOPTIONS. The
// limits last as long as the session and cost no round trip.
func (l postgresLimits) directConnector(config *pgx.ConnConfig, sessions *postgresSessions) driver.Connector {
	direct := config.Copy()
	maps.Copy(direct.RuntimeParams, l)
	return stdlib.GetConnector(*direct, sessions.openOptions()...)
}

// pooledConnector is the connector for PgBouncer and similar poolers. Poolers refuse or ignore most
// startup parameters, and in transaction mode every transaction may run in another session of the
// server. So each transaction begins with the limits, in the same round trip, and no statement is
// prepared by name, because the next session does not know the name. Only descriptions are cached:
// parameters are encoded as without a pooler. If wrap is set, a statement outside of a transaction
// runs in a transaction of its own.
//
// No cancel request ends a statement: PgBouncer 1.18 crashes when a cancel request arrives at a bad
// time.
func (l postgresLimits) pooledConnector(config *pgx.ConnConfig, sessions *postgresSessions, wrap bool) driver.Connector {
	pooled := config.Copy()
	if pooled.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		pooled.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	return pooledConnector{stdlib.GetConnector(*pooled, sessions.openOptions()...), l.setLocal(), wrap}
}

// setLocal returns SQL that sets the limits for one transaction.
func (l postgresLimits) setLocal() string {
	var sql strings.Builder
	for _, name := range slices.Sorted(maps.Keys(l)) {
		sql.WriteString("; SET LOCAL " + name + " = '" + strings.ReplaceAll(l[name], "'", "''") + "'")
	}
	return sql.String()
}

// detectPooler reports whether config leads to a connection pooler. A pooler gives out process ids
// of its own, different from the ids of the server's sessions.
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

// Connect opens a session in which every transaction begins with the limits.
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

// BeginTx begins a transaction and sets the limits in one round trip.
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

// pooledTx ends with the context of BeginTx, like stdlib's transactions.
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
		_ = tx.Rollback() // fails if the connection is lost; err reports the loss
		return nil, err
	}
	return result, tx.Commit()
}

// QueryContext runs a query within the limits. The query's transaction ends when the rows are
// closed.
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
		_ = tx.Rollback() // fails if the connection is lost; err reports the loss
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

// Close ends the query and the query's transaction.
func (r pooledRows) Close() error {
	const failed = 'E'
	err := r.Rows.Close()
	if err != nil || r.conn.Conn.Conn().PgConn().TxStatus() == failed {
		_ = r.tx.Rollback() // fails if the connection is lost; err reports the loss
		return err
	}
	return r.tx.Commit()
}
