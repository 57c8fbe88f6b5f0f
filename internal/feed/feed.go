// Package feed delivers new ledger lines to open streams. The feed only reads the database: one
// poller in each process asks for the newest line number of every followed user, and reads lines
// only where a number has moved. So any server may write a line, and any database will do.
package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/point"
	"pointcharge/internal/ratelimit"
)

const (
	// usersPerQuery is how many users one statement asks about.
	usersPerQuery = 500
	// readAhead is how many lines of a stream are in memory at most.
	readAhead = 50
	// pollTimeout is how long such a statement may take.
	pollTimeout = 10 * time.Second
	// retryAfter is the number of seconds that a refused caller should wait.
	retryAfter = 10
)

// Config configures a feed; zero values mean the defaults.
type Config struct {
	Points  *point.Service
	Log     *slog.Logger
	Poll    time.Duration // between two looks at the database; 1 s
	PerUser int           // streams a user may have open; 5
	Total   int           // open streams in all; 10,000
	// Rate limits the lines of all streams of a user together; 50 a second, and bursts of 100.
	// Further lines wait: a query about each line may be expensive, and a client can follow a
	// ledger from the first line again and again.
	Rate ratelimit.Rate
}

// Feed is the set of streams of this process. Close ends the streams.
type Feed struct {
	Config

	life    context.Context // ends with Close
	end     context.CancelFunc
	running sync.WaitGroup // the poller and the delivering goroutines
	allowed *ratelimit.KeyedLimiter[string]

	mu      sync.Mutex
	closed  bool
	polling bool
	open    int                // streams
	streams map[string]int     // by user
	ledgers map[string]*ledger // by user, for all followed users
}

// ledger is the feed's knowledge of a followed user's ledger.
type ledger struct {
	followers int
	newest    int64
	moved     chan struct{} // closed when newest rises
}

// New returns a feed without streams. A feed without streams sends no statements.
func New(c Config) *Feed {
	c.Poll = cmp.Or(c.Poll, time.Second)
	c.PerUser = cmp.Or(c.PerUser, 5)
	c.Total = cmp.Or(c.Total, 10_000)
	c.Rate = cmp.Or(c.Rate, ratelimit.Rate{Limit: 50, Burst: 100})
	f := &Feed{Config: c, allowed: ratelimit.NewKeyedLimiter[string](c.Rate.Limit, c.Rate.Burst), streams: map[string]int{}, ledgers: map[string]*ledger{}}
	f.life, f.end = context.WithCancel(context.Background())
	return f
}

// Close ends every stream and waits until all reads of the database have ended.
func (f *Feed) Close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.end()
	f.running.Wait()
}

// Acquire counts a stream of the user. The stream may run as long as the returned context; the
// caller must call leave in the end. The error is an *apierror.Error RateLimited when too many
// streams are open, or when the feed is closed.
func (f *Feed) Acquire(ctx context.Context, userID string) (_ context.Context, leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed || f.open >= f.Total:
		return nil, nil, &apierror.Error{Code: apierror.RateLimited, Params: map[string]any{apierror.ParamRetryAfter: retryAfter},
			Message: "The server has no room for another stream; try again later."}
	case f.streams[userID] >= f.PerUser:
		return nil, nil, &apierror.Error{Code: apierror.RateLimited, Params: map[string]any{apierror.ParamRetryAfter: retryAfter}, Message: "You have too many streams open."}
	}
	f.open++
	f.streams[userID]++
	ctx, cancel := context.WithCancel(ctx)
	detach := context.AfterFunc(f.life, cancel)
	return ctx, func() { detach(); cancel(); f.releaseStream(userID) }, nil
}

func (f *Feed) releaseStream(userID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open--
	if f.streams[userID]--; f.streams[userID] == 0 {
		delete(f.streams, userID)
	}
}

// Subscribe returns userID's lines after the number after, or from now on if after is nil, each
// once and in order, until ctx ends. The channel is also closed when the lines cannot be read; a
// client then begins again after the last line received.
//
// The API's own type of a line is made of each by convert.
func Subscribe[T any](ctx context.Context, f *Feed, userID string, after *int, convert func(point.Transaction) T) (<-chan T, error) {
	seq, newest, err := f.Points.FollowFrom(ctx, userID, after)
	if err != nil {
		return nil, err
	}
	lines := make(chan T)
	if !f.addFollower(userID, newest) {
		close(lines)
		return lines, nil
	}
	go func() {
		defer f.running.Done()
		defer f.removeFollower(userID)
		defer close(lines)
		err := apierror.RecoverPanic(func() error { return deliverLines(ctx, f, userID, seq, lines, convert) })
		if err != nil && ctx.Err() == nil {
			f.Log.ErrorContext(ctx, "cannot read lines; stream ended", "err", err)
		}
	}()
	return lines, nil
}

// deliverLines reads by number, not by time: no line can be missed, however late the line is
// noticed or committed.
func deliverLines[T any](ctx context.Context, f *Feed, userID string, seq int64, lines chan<- T, convert func(point.Transaction) T) error {
	for f.waitForNewer(ctx, userID, seq) {
		found, err := f.Points.LinesAfter(ctx, userID, seq, readAhead)
		if err == nil && len(found) == 0 {
			err = errors.New("there are none")
		}
		if err != nil {
			return fmt.Errorf("after %d: %w", seq, err)
		}
		for _, line := range found {
			if !f.waitForRate(ctx, userID) {
				return nil
			}
			select {
			case lines <- convert(line):
				seq = line.Seq
			case <-ctx.Done():
				return nil
			}
		}
	}
	return nil
}

// waitForRate waits until the user may have one more line; false when ctx ended first.
func (f *Feed) waitForRate(ctx context.Context, userID string) bool {
	for wait := f.allowed.Take(userID); wait > 0; wait = f.allowed.Take(userID) {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// waitForNewer waits until the ledger has a line after number seq; false when ctx ended first.
func (f *Feed) waitForNewer(ctx context.Context, userID string, seq int64) bool {
	for {
		newest, moved := f.newestLine(userID)
		if newest > seq {
			return true
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return false
		}
	}
}

func (f *Feed) newestLine(userID string) (newest int64, moved <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.ledgers[userID]
	return l.newest, l.moved
}
