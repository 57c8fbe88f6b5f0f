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

// readOnlyTransaction is the SQLSTATE of a write in a read-only session.
const readOnlyTransaction = "25006"

// postgresSessions replaces sessions that cannot write any more. After a fail-over some sessions
// were opened while the server was read-only, or still talk to the old primary: such sessions
// answer every read, so the pool would keep them for an hour.
//
// Sessions have a generation. The first refused write ends the refused session and begins the next
// generation; the pool throws a session of an older generation away instead of handing the session
// out.
type postgresSessions struct{ generation atomic.Int64 }

const generationKey = "generation"

// installHooks makes config report refused writes to s.
func (s *postgresSessions) installHooks(config *pgx.ConnConfig) {
	config.OnPgError = func(_ *pgconn.PgConn, refused *pgconn.PgError) (keep bool) {
		if refused.Code == readOnlyTransaction {
			s.discardSessions()
			return false
		}
		return !strings.EqualFold(refused.Severity, "FATAL") // as pgx does by default
	}
}

// discardSessions makes the pool replace every session open at this time.
func (s *postgresSessions) discardSessions() { s.generation.Add(1) }

func (s *postgresSessions) openOptions() []stdlib.OptionOpenDB {
	return []stdlib.OptionOpenDB{stdlib.OptionAfterConnect(s.markSession), stdlib.OptionResetSession(s.checkGeneration)}
}

// markSession marks a new session with the present generation. Times are scanned as UTC, because
// pgx reads timestamptz in the machine's zone and two machines should print the same time.
func (s *postgresSessions) markSession(_ context.Context, conn *pgx.Conn) error {
	conn.PgConn().CustomData()[generationKey] = s.generation.Load()
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name:  "timestamptz",
		OID:   pgtype.TimestamptzOID,
		Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// checkGeneration is asked before the pool hands out a session again.
func (s *postgresSessions) checkGeneration(_ context.Context, conn *pgx.Conn) error {
	if conn.PgConn().CustomData()[generationKey] != s.generation.Load() {
		return driver.ErrBadConn
	}
	return nil
}
