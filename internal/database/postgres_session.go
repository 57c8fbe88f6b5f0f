package database

import (
	"context"
	"database/sql/driver"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
)

// readOnlyTransaction is the SQLSTATE of a write in a session that may only read.
const readOnlyTransaction = "25006"

// postgresSessions replaces sessions that cannot write any more. A fail-over leaves sessions
// behind that were opened while the server was read-only, or that still talk to the old primary:
// they answer every read, so that the pool would keep them for an hour.
//
// Sessions have a generation. The first refused write ends its own session and begins the next
// generation; the older sessions are thrown away when the pool would hand them out.
type postgresSessions struct{ generation atomic.Int64 }

const generationKey = "generation"

// install makes config report refused writes to s.
func (s *postgresSessions) install(config *pgx.ConnConfig) {
	config.OnPgError = func(_ *pgconn.PgConn, refused *pgconn.PgError) (keep bool) {
		if refused.Code == readOnlyTransaction {
			s.discard()
			return false
		}
		return !strings.EqualFold(refused.Severity, "FATAL") // as pgx does by default
	}
}

// discard makes the pool replace every session that is open now.
func (s *postgresSessions) discard() { s.generation.Add(1) }

func (s *postgresSessions) options() []stdlib.OptionOpenDB {
	return []stdlib.OptionOpenDB{stdlib.OptionAfterConnect(s.prepare), stdlib.OptionResetSession(s.check)}
}

// prepare marks a new session with its generation. Times are scanned as UTC, because pgx reads
// timestamptz in the machine's zone and two machines should print the same time.
func (s *postgresSessions) prepare(_ context.Context, conn *pgx.Conn) error {
	conn.PgConn().CustomData()[generationKey] = s.generation.Load()
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name:  "timestamptz",
		OID:   pgtype.TimestamptzOID,
		Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// check is asked before the pool hands out a session again.
func (s *postgresSessions) check(_ context.Context, conn *pgx.Conn) error {
	if conn.PgConn().CustomData()[generationKey] != s.generation.Load() {
		return driver.ErrBadConn
	}
	return nil
}
