package web

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"pointcharge/internal/middleware"
	"pointcharge/internal/point"
	"pointcharge/internal/ratelimit"
)

// Anybody can write notices, and whoever has bought something knows the number of an order. So what a notice may cost
// is bounded: for each order, and for each payment in the books, lookUpBurst look-ups at once and one every lookUpPause;
// for all of them together, LookUps at a time. What is refused is not lost. Iamport resends what got no 200 where it is
// told to (contract §2.3), the browser's own mutation does not come this way, and a payment nobody told us about is
// found by a sync.
const (
	lookUpBurst = 10
	lookUpPause = 10 * time.Second
	// maxLookUps is how many run at a time when LookUps does not say.
	maxLookUps = 16
	// maxReads is how many webhooks, and how many landings, ask our own database at a time whether they mean us, and
	// maxQueue how many of each do or wait to. The rest of its connections is for the API.
	maxReads = 4
	maxQueue = 1000
)

// bounds are those of look-ups.
type bounds struct {
	often    *ratelimit.KeyedLimiter[string] // by order, and by payment in the books
	inFlight *semaphore.Weighted
	webhooks reads
	landings reads
}

func newBounds(lookUps int64) bounds {
	return bounds{
		often:    ratelimit.NewKeyedLimiter[string](rate.Every(lookUpPause), lookUpBurst),
		inFlight: semaphore.NewWeighted(cmp.Or(lookUps, maxLookUps)),
		webhooks: newReads(),
		landings: newReads(),
	}
}

// admit lets a look-up begin, which must call release when it has ended. It waits while too many are under way, until
// ctx ends. The refusal is RATE_LIMITED for an order with too many notices.
func (s *Server) admit(ctx context.Context, n notice) (release func(), err error) {
	wait := s.bounds.often.Take("order " + n.MerchantUID)
	if wait > 0 {
		// Forged notices with invented payments must not use up what the order's real payment needs: its cancellation
		// would be late.
		ours, err := s.bounds.reading(n).do(ctx, func() (bool, error) { return s.Points.KnownPayment(ctx, n.MerchantUID, n.ImpUID) })
		if err != nil {
			return nil, err
		}
		if ours {
			wait = s.bounds.often.Take("payment " + n.ImpUID)
		}
	}
	if wait > 0 {
		return nil, &point.Error{Code: point.RateLimited, Message: "There are too many notices about this order.",
			RetryAfter: ratelimit.RetryAfterSeconds(wait)}
	}
	if err := s.bounds.inFlight.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for other look-ups to end: %w", err)
	}
	return func() { s.bounds.inFlight.Release(1) }, nil
}

// allowed tells whether webhooks are taken from where r came from.
func (s *Server) allowed(r *http.Request) bool {
	return len(s.Senders) == 0 || middleware.Contains(s.Senders, middleware.ClientAddress(r.Context()))
}

// reads bounds how many ask the database at a time.
type reads struct{ queue, running *semaphore.Weighted }

func newReads() reads { return reads{semaphore.NewWeighted(maxQueue), semaphore.NewWeighted(maxReads)} }

// reading is for payers who wait at a screen, or for all others: a flood of forged webhooks must not keep payers waiting.
func (b bounds) reading(n notice) reads {
	if n.landed {
		return b.landings
	}
	return b.webhooks
}

// do waits while others ask, until ctx ends. It refuses with RATE_LIMITED when too many wait.
func (r reads) do(ctx context.Context, ask func() (bool, error)) (bool, error) {
	if !r.queue.TryAcquire(1) {
		return false, &point.Error{Code: point.RateLimited, Message: "There are too many notices.", RetryAfter: 1}
	}
	defer r.queue.Release(1)
	if err := r.running.Acquire(ctx, 1); err != nil {
		return false, fmt.Errorf("wait for other notices to be read: %w", err)
	}
	defer r.running.Release(1)
	return ask()
}

// wait is how long the caller of r has to wait, having come more often than Limit allows.
func (s *Server) wait(r *http.Request) time.Duration {
	if len(s.Senders) > 0 && s.allowed(r) {
		return 0
	}
	return s.Limit.Take("", middleware.ClientAddress(r.Context()))
}

// limited answers 503 to those who have to wait.
func (s *Server) limited(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if wait := s.wait(r); wait > 0 {
			s.news.to(s.Log).Warn("too many requests", "path", r.URL.Path, "address", middleware.ClientAddress(r.Context()).String())
			w.Header().Set("Retry-After", strconv.Itoa(ratelimit.RetryAfterSeconds(wait)))
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		next(w, r)
	}
}

// news is what others can make us write into the log as often as they like: a few lines a second are written.
type news struct {
	few     *rate.Limiter
	leftOut *atomic.Int64 // since the last line
}

func newNews() news { return news{rate.NewLimiter(5, 20), new(atomic.Int64)} }

// to is log, or, after enough lines, one that writes nothing.
func (n news) to(log *slog.Logger) *slog.Logger {
	if !n.few.Allow() {
		n.leftOut.Add(1)
		return slog.New(slog.DiscardHandler)
	}
	return log.With("left_out", n.leftOut.Swap(0))
}
