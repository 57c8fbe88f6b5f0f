// Package feed hands new ledger lines to those who wait for them. It needs nothing of the database
// but reads: one poller in each process asks for the numbers of all waiting users' newest lines,
// and only where a number has moved are lines read. So it does not matter which server wrote a
// line, and any database will do.
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
	// retryAfter is how many seconds pass before somebody who was refused should try again.
	retryAfter = 10
)

// Config is what a feed needs; a zero is its default.
type Config struct {
	Points  *point.Service
	Log     *slog.Logger
	Poll    time.Duration // between two looks at the database; 1 s
	PerUser int           // streams a user may have open; 5
	Total   int           // streams that may be open in all; 10,000
	// Rate is how many lines all streams of a user bring together; 50 a second, and 100 at once.
	// The others wait: what is asked about each line may be dear, and a ledger can be followed from
	// its first line again and again.
	Rate ratelimit.Rate
}

// Feed is the streams of this process. Close ends them.
type Feed struct {
	Config

	life    context.Context // ends with Close
	end     context.CancelFunc
	running sync.WaitGroup // the poller, and whoever delivers
	allowed *ratelimit.KeyedLimiter[string]

	mu      sync.Mutex
	closed  bool
	polling bool
	open    int                // streams
	streams map[string]int     // by user
	ledgers map[string]*ledger // by user, of those who wait for lines
}

// ledger is what is known of a user's ledger while somebody follows it.
type ledger struct {
	followers int
	newest    int64
	moved     chan struct{} // closed when newest rises
}

// New is a feed without streams. It does nothing until there is one.
func New(c Config) *Feed {
	c.Poll = cmp.Or(c.Poll, time.Second)
	c.PerUser = cmp.Or(c.PerUser, 5)
	c.Total = cmp.Or(c.Total, 10_000)
	c.Rate = cmp.Or(c.Rate, ratelimit.Rate{Limit: 50, Burst: 100})
	f := &Feed{Config: c, allowed: ratelimit.NewKeyedLimiter[string](c.Rate.Limit, c.Rate.Burst), streams: map[string]int{}, ledgers: map[string]*ledger{}}
	f.life, f.end = context.WithCancel(context.Background())
	return f
}

// Close ends every stream and waits until nobody reads the database any more.
func (f *Feed) Close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.end()
	f.running.Wait()
}

// Acquire counts a stream of the user's, which may run as long as the context it returns; leave
// must be called in the end. A *apierror.Error RateLimited when there are too many, or when the feed
// is closed.
func (f *Feed) Acquire(ctx context.Context, userID string) (_ context.Context, leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed || f.open >= f.Total:
		return nil, nil, &apierror.Error{Code: apierror.RateLimited, RetryAfter: retryAfter,
			Message: "The server has no room for another stream; try again later."}
	case f.streams[userID] >= f.PerUser:
		return nil, nil, &apierror.Error{Code: apierror.RateLimited, RetryAfter: retryAfter, Message: "You have too many streams open."}
	}
	f.open++
	f.streams[userID]++
	ctx, cancel := context.WithCancel(ctx)
	detach := context.AfterFunc(f.life, cancel)
	return ctx, func() { detach(); cancel(); f.release(userID) }, nil
}

func (f *Feed) release(userID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open--
	if f.streams[userID]--; f.streams[userID] == 0 {
		delete(f.streams, userID)
	}
}

// Subscribe are userID's lines after the one with the number after, or from now on if that is nil,
// each once and in order, until ctx ends. The channel is also closed when the lines cannot be read;
// who wants more begins again after the last.
func (f *Feed) Subscribe(ctx context.Context, userID string, after *int) (<-chan point.Transaction, error) {
	seq, newest, err := f.Points.FollowFrom(ctx, userID, after)
	if err != nil {
		return nil, err
	}
	lines := make(chan point.Transaction)
	if !f.addFollower(userID, newest) {
		close(lines)
		return lines, nil
	}
	go func() {
		defer f.running.Done()
		defer f.removeFollower(userID)
		defer close(lines)
		err := apierror.RecoverPanic(func() error { return f.deliver(ctx, userID, seq, lines) })
		if err != nil && ctx.Err() == nil {
			f.Log.ErrorContext(ctx, "cannot read lines; stream ended", "err", err)
		}
	}()
	return lines, nil
}

// deliver reads by number, not by time: a line cannot be missed, however late it is noticed or
// committed.
func (f *Feed) deliver(ctx context.Context, userID string, seq int64, lines chan<- point.Transaction) error {
	for f.waitForNewer(ctx, userID, seq) {
		found, err := f.Points.LinesAfter(ctx, userID, seq, readAhead)
		if err == nil && len(found) == 0 {
			err = errors.New("there are none")
		}
		if err != nil {
			return fmt.Errorf("after %d: %w", seq, err)
		}
		for _, line := range found {
			if !f.throttle(ctx, userID) {
				return nil
			}
			select {
			case lines <- line:
				seq = line.Seq
			case <-ctx.Done():
				return nil
			}
		}
	}
	return nil
}

// throttle waits until the user may have one more line; false when ctx ended first.
func (f *Feed) throttle(ctx context.Context, userID string) bool {
	for wait := f.allowed.Take(userID); wait > 0; wait = f.allowed.Take(userID) {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// waitForNewer waits until there is a line after the one with that number; false when ctx ended
// first.
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
