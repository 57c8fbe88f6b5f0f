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
	// ownerLookups and ownerReturns are how many look-ups of one user's orders run at a time, or wait
	// for a slot, for webhooks and for payment returns: a part of their slots.
	ownerLookups = 4
	ownerReturns = 2
	// firstInterval is how long after a notice about an order the next one is no longer its first.
	firstInterval = time.Hour
	// maxReads is how many webhooks, and how many payment returns, query our own database at a time
	// to learn whether an order is ours. The rest of its connections is for the API.
	maxReads = 4
	// maxUnderWay is how many webhooks, and how many payment returns, are under way. Each takes some
	// 85 KB of memory while it waits.
	maxUnderWay = 1000
	// ownerUnderWay and sourceUnderWay are the parts of maxUnderWay that notices about one user's
	// orders, and those from one address, may be.
	ownerUnderWay  = maxUnderWay / 10
	sourceUnderWay = maxUnderWay / 2
)

// lookupLimiter bounds what notices may cost. Anyone can write a notice, and every buyer knows the
// numbers of their orders. Bounded are the look-ups of each order, of each recorded payment and of
// each user's orders, the look-ups of all notices together, the queries that come before a look-up,
// and the notices that wait.
//
// A refused notice is not lost. Iamport resends a webhook that got no 200, where it is told to
// (contract §2.3). The browser's own mutation does not come this way. A payment without any notice
// is found by the sweep.
type lookupLimiter struct {
	charges *charge.Service
	rates   *ratelimit.KeyedLimiter[string] // by order, and by recorded payment
	owners  *ratelimit.KeyedLimiter[string] // by the order's user
	firsts  *ratelimit.KeyedLimiter[string] // by order: the first notice in a while

	waiting *ratelimit.ConcurrencyLimit // by owner

	repeats *semaphore.Weighted // those look-ups of webhooks that are not an order's first

	webhooks, returns class
}

// class is what webhooks, and what payment returns, have for themselves. Payers wait at a screen: a
// flood of forged webhooks must not delay them.
type class struct {
	reads    *semaphore.Weighted
	underWay *semaphore.Weighted
	sources  *ratelimit.ConcurrencyLimit // those under way, by address
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

// enter lets a notice begin, or refuses it with RATE_LIMITED if too many are under way. The caller
// must call leave when the notice is answered.
func (l *lookupLimiter) enter(n notice) (leave func(), err error) {
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

// owner returns the user whose order the notice is about. It refuses with NOT_FOUND if the order is
// not ours.
func (l *lookupLimiter) owner(ctx context.Context, n notice) (userID string, err error) {
	err = l.read(ctx, n, func() (err error) {
		userID, err = l.charges.OrderOwner(ctx, n.MerchantUID)
		return err
	})
	return userID, err
}

// wait lets a notice wait for its look-up. It refuses with RATE_LIMITED if too many notices about
// its user's orders do. The caller must call leave when the wait is over.
func (l *lookupLimiter) wait(owner string) (leave func(), err error) {
	leave, ok := l.waiting.Acquire(owner, netip.Addr{})
	if !ok {
		return nil, errTooManyNotices()
	}
	return leave, nil
}

// acquire lets a look-up begin. The caller must call release when the look-up has ended. acquire
// waits while too many look-ups are under way, until ctx ends. It refuses with RATE_LIMITED if
// there were too many notices about the order, or about its user's orders.
func (l *lookupLimiter) acquire(ctx context.Context, n notice, owner string) (release func(), err error) {
	wait, err := l.takeRate(ctx, n, owner)
	if err != nil {
		return nil, err
	}
	if wait > 0 {
		return nil, &apierror.Error{Code: apierror.RateLimited, Message: "There are too many notices about this order.",
			Params: map[string]any{apierror.ParamRetryAfter: ratelimit.RetryAfterSeconds(wait)}}
	}
	releaseOwner, err := l.classOf(n).owners.acquire(ctx, owner)
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

// acquireSlot waits for one of the slots that look-ups share. Half of those for webhooks are kept
// for the first notice of an order: it is the one that brings the payer's points.
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

// takeRate counts a look-up and returns 0, or how long to wait until the next one. The look-up
// counts against its order and the order's user. When they have used up their allowances, it counts
// against its payment, if the payment is recorded: forged notices with invented payments must not
// use up what the order's real payment needs, or its cancellation would be late.
func (l *lookupLimiter) takeRate(ctx context.Context, n notice, owner string) (wait time.Duration, err error) {
	if wait = l.rates.Take("order " + n.MerchantUID); wait == 0 {
		wait = l.owners.Take(owner)
	}
	if wait == 0 {
		return 0, nil
	}
	recorded := false
	err = l.read(ctx, n, func() (err error) {
		recorded, err = l.charges.IsKnownPayment(ctx, n.MerchantUID, n.ImpUID)
		return err
	})
	if err != nil || !recorded {
		return wait, err
	}
	return l.rates.Take("payment " + n.ImpUID), nil
}

// read runs a query of our own database. It waits while too many others run, until ctx ends.
func (l *lookupLimiter) read(ctx context.Context, n notice, query func() error) error {
	running := l.classOf(n).reads
	if err := running.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait for other notices to be read: %w", err)
	}
	defer running.Release(1)
	return query()
}
