package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	gosqlite "github.com/glebarez/go-sqlite"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	gormlogger "gorm.io/gorm/logger"

	"pointcharge/internal/ratelimit"
)

const slowStatement = 200 * time.Millisecond

// logger hands GORM's messages to slog. The level of the slog handler selects the written messages,
// so LogMode has no effect.
type logger struct {
	slog *slog.Logger
	slow *ratelimit.SampledLog
}

// newLogger limits the lines about slow statements to three a second. A slow database must not fill
// the log: one request may send a thousand statements, each waiting for the other.
func newLogger(to *slog.Logger) logger { return logger{to, ratelimit.NewSampledLog(3, 3)} }

func (l logger) LogMode(gormlogger.LogLevel) gormlogger.Interface { return l }

func (l logger) Info(ctx context.Context, format string, args ...any) {
	l.slog.InfoContext(ctx, fmt.Sprintf(format, args...))
}

func (l logger) Warn(ctx context.Context, format string, args ...any) {
	l.slog.WarnContext(ctx, fmt.Sprintf(format, args...))
}

func (l logger) Error(ctx context.Context, format string, args ...any) {
	l.slog.ErrorContext(ctx, fmt.Sprintf(format, args...))
}

// ParamsFilter makes GORM pass the statement with placeholders to Trace. Bound values are people's
// payments.
func (l logger) ParamsFilter(_ context.Context, sql string, _ ...any) (string, []any) {
	return sql, nil
}

// Trace writes one statement.
func (l logger) Trace(ctx context.Context, begin time.Time, statement func() (string, int64), err error) {
	took := time.Since(begin)
	level, message := logLevel(took, err)
	if !l.slog.Enabled(ctx, level) {
		return
	}
	var sampled []slog.Attr
	if level == slog.LevelWarn {
		leftOut, ok := l.slow.Allow()
		if !ok {
			return
		}
		sampled = []slog.Attr{slog.Int64("left_out", leftOut)}
	}
	sql, rows := statement()
	attrs := append(sampled, slog.String("sql", sql), slog.Int64("rows", rows), slog.Duration("took", took))
	if err != nil {
		attrs = append(attrs, slog.String("err", loggableError(err)))
	}
	l.slog.LogAttrs(ctx, level, message, attrs...)
}

// logLevel keeps errors out of the log: errors go back to the caller, and the edge logs the error
// of a request once.
func logLevel(took time.Duration, err error) (slog.Level, string) {
	switch {
	case err != nil:
		return slog.LevelDebug, "statement failed"
	case took > slowStatement:
		return slog.LevelWarn, "slow statement"
	default:
		return slog.LevelDebug, "statement"
	}
}

// loggableError returns the database's own word for err. Other errors give their type only: pgx,
// for one, quotes a value that cannot be encoded.
func loggableError(err error) string {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refused.Error()
	}
	if refused, ok := errors.AsType[*gosqlite.Error](err); ok {
		return refused.Error()
	}
	if errors.Is(err, gorm.ErrDuplicatedKey) || errors.Is(err, gorm.ErrForeignKeyViolated) {
		return err.Error() // GORM's SQLite dialect leaves only the text
	}
	return fmt.Sprintf("%T", err)
}
