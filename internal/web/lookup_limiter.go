package web

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/ratelimit"
)

const (
	// lookupBurst and lookupInterval bound the look-ups of one order: ten at once, then one every
	// ten seconds. A recorded payment has the same allowance of its own.
	lookupBurst    = 10
	lookupInterval = 10 * time.Second
	// maxReads is how many webhooks, and how many payment returns, query our own database at a time
	// to learn whether an order is ours. The rest of its connections is for the API.
	maxReads = 4
	// maxQueue is how many of each query the database or wait to.
	maxQueue = 1000
)

// lookupLimiter bounds what notices may cost. Anyone can write a notice, and every buyer knows the
// number of an order. Bounded are the look-ups of each order and of each recorded payment, the
// look-ups of all notices together, and the queries that come before a look-up.
//
// A refused notice is not lost. Iamport resends a webhook that got no 200, where it is told to
// (contract §2.3). The browser's own mutation does not come this way. A payment without any notice
// is found by the sweep.
type lookupLimiter struct {
	charges *charge.Service
	rates   *ratelimit.KeyedLimiter[string] // by order, and by recorded payment
	lookups *semaphore.Weighted

	// Queries that run, and those that run or wait. Payers wait at a screen, so payment returns
	// have slots of their own: a flood of forged webhooks must not delay them.
	webhookReads, webhookQueue *semaphore.Weighted
	returnReads, returnQueue   *semaphore.Weighted
}

func newLookupLimiter(charges *charge.Service, maxLookups int64) *lookupLimiter {
	return &lookupLimiter{
		charges:      charges,
		rates:        ratelimit.NewKeyedLimiter[string](rate.Every(lookupInterval), lookupBurst),
		lookups:      semaphore.NewWeighted(maxLookups),
		webhookReads: semaphore.NewWeighted(maxReads),
		webhookQueue: semaphore.NewWeighted(maxQueue),
		returnReads:  semaphore.NewWeighted(maxReads),
		returnQueue:  semaphore.NewWeighted(maxQueue),
	}
}

// checkOrder refuses a notice with NOT_FOUND if its order is not ours.
func (l *lookupLimiter) checkOrder(ctx context.Context, n notice) error {
	known, err := l.read(ctx, n, func() (bool, error) { return l.charges.IsKnownOrder(ctx, n.MerchantUID) })
	if err == nil && !known {
		err = &apierror.Error{Code: apierror.NotFound, Message: "There is no such order."}
	}
	return err
}

// acquire lets a look-up begin. The caller must call release when the look-up has ended. acquire
// waits while too many look-ups are under way, until ctx ends. It refuses with RATE_LIMITED if
// there were too many notices about the order.
func (l *lookupLimiter) acquire(ctx context.Context, n notice) (release func(), err error) {
	wait, err := l.takeRate(ctx, n)
	if err != nil {
		return nil, err
	}
	if wait > 0 {
		return nil, &apierror.Error{Code: apierror.RateLimited, Message: "There are too many notices about this order.",
			RetryAfter: ratelimit.RetryAfterSeconds(wait)}
	}
	if err := l.lookups.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for other look-ups to end: %w", err)
	}
	return func() { l.lookups.Release(1) }, nil
}

// takeRate counts a look-up and returns 0, or how long to wait until the next one. The look-up
// counts against its order. When the order has used up its allowance, it counts against its
// payment, if the payment is recorded: forged notices with invented payments must not use up what
// the order's real payment needs, or its cancellation would be late.
func (l *lookupLimiter) takeRate(ctx context.Context, n notice) (wait time.Duration, err error) {
	wait = l.rates.Take("order " + n.MerchantUID)
	if wait == 0 {
		return 0, nil
	}
	recorded, err := l.read(ctx, n, func() (bool, error) {
		return l.charges.IsKnownPayment(ctx, n.MerchantUID, n.ImpUID)
	})
	if err != nil || !recorded {
		return wait, err
	}
	return l.rates.Take("payment " + n.ImpUID), nil
}

// read runs a query of our own database. It waits while too many others run, until ctx ends. It
// refuses with RATE_LIMITED if too many wait.
func (l *lookupLimiter) read(ctx context.Context, n notice, query func() (bool, error)) (bool, error) {
	running, queue := l.webhookReads, l.webhookQueue
	if n.fromPayer {
		running, queue = l.returnReads, l.returnQueue
	}
	if !queue.TryAcquire(1) {
		return false, &apierror.Error{Code: apierror.RateLimited, Message: "There are too many notices.", RetryAfter: 1}
	}
	defer queue.Release(1)
	if err := running.Acquire(ctx, 1); err != nil {
		return false, fmt.Errorf("wait for other notices to be read: %w", err)
	}
	defer running.Release(1)
	return query()
}
