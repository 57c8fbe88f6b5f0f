package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
)

// retryTimeout bounds the retries when the caller's context has no deadline.
const retryTimeout = 30 * time.Second

// Transact runs fn in a transaction and commits the transaction, or rolls the transaction back if
// fn returns an error or panics.
//
// Transact begins again, with jitter and until ctx's deadline (30 seconds without a deadline), when
// the database refused for a passing reason: a serialization failure, a deadlock, a busy SQLite
// file, a lost or refused connection, a session that a fail-over left read-only. A lost connection
// may have carried a successful COMMIT, so fn may run again after the work was written. So fn must
// converge: read the present rows, write only missing rows, assume nothing, and have no effect but
// SQL through tx. Each run of fn must set the caller's variables anew.
//
// Every other error of fn is returned unchanged, after one run: fn must pass on the errors of tx,
// wrapped or not. When ctx has ended the error satisfies errors.Is(err, ctx.Err()), and the outcome
// is unknown only if ctx ended during the COMMIT. Transactions are never nested: Transact refuses a
// db inside a transaction.
func Transact(ctx context.Context, db *gorm.DB, fn func(tx *gorm.DB) error) error {
	if _, ok := db.Statement.ConnPool.(gorm.TxCommitter); ok {
		return errors.New("database: Transact was called inside a transaction")
	}
	var last error
	_, _ = backoff.Retry(ctx, func() (struct{}, error) {
		if last = db.WithContext(ctx).Transaction(fn); last != nil && !isRetryable(last) {
			return struct{}{}, backoff.Permanent(last)
		}
		return struct{}{}, last
	}, retryOptions(ctx)...)
	return withContextError(ctx, last)
}

// withContextError adds the reason hidden by drivers: the errors of an interrupted SQLite statement
// or of a transaction rolled back by database/sql do not mention ctx.
func withContextError(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}

func retryOptions(ctx context.Context) []backoff.RetryOption {
	limit := retryTimeout
	if _, ok := ctx.Deadline(); ok {
		limit = 0 // the context's deadline is the limit
	}
	return []backoff.RetryOption{
		backoff.WithMaxElapsedTime(limit),
		backoff.WithBackOff(&backoff.ExponentialBackOff{
			InitialInterval:     10 * time.Millisecond,
			RandomizationFactor: 0.5,
			Multiplier:          2,
			MaxInterval:         500 * time.Millisecond,
		}),
	}
}

// isRetryable reports whether the same transaction can be expected to succeed a moment later.
func isRetryable(err error) bool {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return isRetryableCode(refused.Code)
	}
	_, lost := errors.AsType[connectionLostError](err)
	return lost || isBusy(err) || errors.Is(err, driver.ErrBadConn)
}

// isRetryableCode knows PostgreSQL's retryable SQLSTATEs. A lock_timeout (55P03) is not retryable:
// after three seconds of waiting for a row, the caller should get the error instead of three more
// seconds.
func isRetryableCode(code string) bool {
	switch code {
	case readOnlyTransaction,
		"25P03", // idle_in_transaction_session_timeout: this process was paused
		"40001", // serialization_failure
		"40P01", // deadlock_detected
		"57P01", // admin_shutdown
		"57P02", // crash_shutdown
		"57P03", // cannot_connect_now
		"57P05": // idle_session_timeout
		return true
	}
	const connectionException = "08"
	return len(code) == 5 && code[:2] == connectionException
}
