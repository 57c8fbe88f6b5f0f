package web

import (
	"context"
	"fmt"
	"net/netip"
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
	// ownerBurst and ownerInterval bound the look-ups of all orders of one user. Orders are free: a
	// user who opens a thousand must not have a thousand allowances.
	ownerBurst    = 500
	ownerInterval = time.Second
	// ownerLookups and ownerReturns are how many look-ups of one user's orders run at a time, or
	// wait for a slot, for webhooks and for payment returns: a part of all slots.
	ownerLookups = 4
	ownerReturns = 2
	// firstInterval is the time after a notice until the next notice about the same order counts as
	// a first notice again.
	firstInterval = time.Hour
	// maxReads is how many webhooks, and how many payment returns, query the database at a time for
	// an order's owner. The rest of the database connections is for the API.
	maxReads = 4
	// maxUnderWay is how many webhooks, and how many payment returns, are under way. Each takes
	// some 85 KB of memory during the wait.
	maxUnderWay = 1000
	// ownerUnderWay and sourceUnderWay are the parts of maxUnderWay for notices about one user's
	// orders, and for notices from one address.
	ownerUnderWay  = maxUnderWay / 10
	sourceUnderWay = maxUnderWay / 2
)

// lookupLimiter bounds the cost of notices. Anyone can write a notice, and every buyer knows the
// numbers of their orders. Six things have bounds: the look-ups of each order, of each recorded
// payment and of each user's orders, the look-ups of all notices together, the database queries
// before a look-up, and the waiting notices.
//
// A refused notice is not lost. Iamport resends a webhook after any status but 200, if the console
// says so (contract §2.3). The browser's own mutation does not pass this limiter. The sweep finds a
// payment without any notice.
type lookupLimiter struct {
	charges *charge.Service
	rates   *ratelimit.KeyedLimiter[string] // by order, and by recorded payment
	owners  *ratelimit.KeyedLimiter[string] // by the order's user
	firsts  *ratelimit.KeyedLimiter[string] // by order: the first notice in a while

	waiting *ratelimit.ConcurrencyLimit // by owner

	repeats *semaphore.Weighted // look-ups of webhooks after an order's first

	webhooks, returns class
}

// class holds the slots reserved for webhooks, or for payment returns. Payers wait at a screen: a
// flood of forged webhooks must not delay them.
type class struct {
	reads    *semaphore.Weighted
	underWay *semaphore.Weighted
	sources  *ratelimit.ConcurrencyLimit // notices under way, by address
	lookups  *semaphore.Weighted
	owners   *ownerSlots // before lookups
}

func newLookupLimiter(charges *charge.Service, maxLookups int64) *lookupLimiter {
	newClass := func(lookups int64, ofOwner int64) class {
		return class{semaphore.NewWeighted(maxReads), semaphore.NewWeighted(maxUnderWay),
			&ratelimit.ConcurrencyLimit{Address: sourceUnderWay}, semaphore.NewWeighted(lookups), &ownerSlots{each: ofOwner, users: map[string]*ownerSlot{}}}
	}
	return &lookupLimiter{
		charges:  charges,
		rates:    ratelimit.NewKeyedLimiter[string](rate.Every(lookupInterval), lookupBurst),
		owners:   ratelimit.NewKeyedLimiter[string](rate.Every(ownerInterval), ownerBurst),
		firsts:   ratelimit.NewKeyedLimiter[string](rate.Every(firstInterval), 1),
		waiting:  &ratelimit.ConcurrencyLimit{User: ownerUnderWay},
		repeats:  semaphore.NewWeighted((maxLookups + 1) / 2),
		webhooks: newClass(maxLookups, ownerLookups),
		returns:  newClass((maxLookups+3)/4, ownerReturns),
	}
}

func (l *lookupLimiter) classOf(n notice) class {
	if n.fromPayer {
		return l.returns
	}
	return l.webhooks
}

// admitNotice lets a notice begin, or refuses with RATE_LIMITED when too many notices are under
// way. The caller must call leave after the answer.
func (l *lookupLimiter) admitNotice(n notice) (leave func(), err error) {
	c := l.classOf(n)
	if !c.underWay.TryAcquire(1) {
		return nil, errTooManyNotices()
	}
	release, ok := c.sources.Acquire("", n.source)
	if !ok {
		c.underWay.Release(1)
		return nil, errTooManyNotices()
	}
	return func() { release(); c.underWay.Release(1) }, nil
}

func errTooManyNotices() error {
	return &apierror.Error{Code: apierror.RateLimited, Message: "There are too many notices.", Params: map[string]any{apierror.ParamRetryAfter: 1}}
}

// readOwner returns the user of the notice's order. The error is NOT_FOUND for an unknown order.
func (l *lookupLimiter) readOwner(ctx context.Context, n notice) (userID string, err error) {
	err = l.runRead(ctx, n, func() (err error) {
		userID, err = l.charges.OrderOwner(ctx, n.MerchantUID)
		return err
	})
	return userID, err
}

// enterQueue lets a notice wait for a look-up, or refuses with RATE_LIMITED when too many notices
// about the user's orders wait. The caller must call leave after the wait.
func (l *lookupLimiter) enterQueue(owner string) (leave func(), err error) {
	leave, ok := l.waiting.Acquire(owner, netip.Addr{})
	if !ok {
		return nil, errTooManyNotices()
	}
	return leave, nil
}

// acquireLookup lets a look-up begin. The caller must call release after the look-up. acquireLookup
// waits while too many look-ups are under way, until ctx ends. The error is RATE_LIMITED after too
// many notices about the order, or about the user's orders.
func (l *lookupLimiter) acquireLookup(ctx context.Context, n notice, owner string) (release func(), err error) {
	wait, err := l.takeRate(ctx, n, owner)
	if err != nil {
		return nil, err
	}
	if wait > 0 {
		return nil, &apierror.Error{Code: apierror.RateLimited, Message: "There are too many notices about this order.",
			Params: map[string]any{apierror.ParamRetryAfter: ratelimit.RetryAfterSeconds(wait)}}
	}
	releaseOwner, err := l.classOf(n).owners.acquireSlot(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("wait for other look-ups of this user to end: %w", err)
	}
	releaseSlot, err := l.acquireSlot(ctx, n)
	if err != nil {
		releaseOwner()
		return nil, err
	}
	return func() { releaseSlot(); releaseOwner() }, nil
}

// acquireSlot waits for one of the slots shared by all look-ups. Half of the webhooks' slots are
// reserved for the first notice of an order, because the first notice brings the payer's points.
func (l *lookupLimiter) acquireSlot(ctx context.Context, n notice) (release func(), err error) {
	slots := []*semaphore.Weighted{l.classOf(n).lookups}
	if l.firsts.Take(n.MerchantUID) > 0 && !n.fromPayer {
		slots = []*semaphore.Weighted{l.repeats, l.webhooks.lookups}
	}
	for i, slot := range slots {
		if err := slot.Acquire(ctx, 1); err != nil {
			releaseAll(slots[:i])
			return nil, fmt.Errorf("wait for other look-ups to end: %w", err)
		}
	}
	return func() { releaseAll(slots) }, nil
}

func releaseAll(slots []*semaphore.Weighted) {
	for _, slot := range slots {
		slot.Release(1)
	}
}

// takeRate counts a look-up and returns 0, or the time until the next allowed look-up. The look-up
// counts against the order and the order's user. After both allowances, the look-up counts against
// the payment, if the payment is recorded: forged notices with invented payments must not use up
// the allowance of the order's real payment and delay a cancellation.
func (l *lookupLimiter) takeRate(ctx context.Context, n notice, owner string) (wait time.Duration, err error) {
	if wait = l.rates.Take("order " + n.MerchantUID); wait == 0 {
		wait = l.owners.Take(owner)
	}
	if wait == 0 {
		return 0, nil
	}
	recorded := false
	err = l.runRead(ctx, n, func() (err error) {
		recorded, err = l.charges.IsKnownPayment(ctx, n.MerchantUID, n.ImpUID)
		return err
	})
	if err != nil || !recorded {
		return wait, err
	}
	return l.rates.Take("payment " + n.ImpUID), nil
}

// runRead runs a database query. runRead waits while too many others run, until ctx ends.
func (l *lookupLimiter) runRead(ctx context.Context, n notice, query func() error) error {
	running := l.classOf(n).reads
	if err := running.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait for other notices to be read: %w", err)
	}
	defer running.Release(1)
	return query()
}
