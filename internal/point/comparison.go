package point

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// reconcileBatch is how many rows of ours are read at once.
	reconcileBatch = 1000
	// readings is how often a list is read that changes while it is read.
	readings = 3
)

// comparison is a reconciliation under way. It keeps an imp_uid of each listed payment in memory, nothing more.
type comparison struct {
	*Service

	run      *Reconciliation
	seen     map[string]bool // listed by the gateway
	reported map[string]bool // differences that are kept already
	strays   map[string]bool // listed, and known to be for no order of ours
	doubts   []string        // payments to look up
	failed   []error         // lists that were not to be read whole
	broken   []error         // our own errors about single payments
}

// compare reads the gateway's lists first and then asks our books for what was not in them. What cannot be compared
// keeps nothing else from it, but then the run has failed.
func (c *comparison) compare(ctx context.Context) error {
	err := c.compareAll(ctx)
	if n := len(c.strays); n > 0 {
		c.run.note("%d payments for no order of ours were reported before.", n)
	}
	return errors.Join(err, summary("comparisons", c.failed))
}

func (c *comparison) compareAll(ctx context.Context) error {
	for _, p := range periods(c.run.FromAt, c.run.ToAt, c.run.StartedAt) {
		for _, status := range []PaymentStatus{Paid, Cancelled} {
			if err := c.readList(ctx, Listing{Status: status, From: p.from, To: p.to}); err != nil {
				return fmt.Errorf("reconcile %s payments from %s: %w", status, p.from.Format(time.RFC3339), err)
			}
		}
		if err := c.decideAll(ctx); err != nil {
			return err
		}
	}
	return c.readBooks(ctx)
}

// readList reads a list to its end, and again when it changed meanwhile: a payment that leaves the list moves all that
// follow one place forward, and one of them to a page that was read already. What was read in vain still counts. A list
// that changes each time is read in halves, which have fewer pages; a single one cannot change while it is read.
func (c *comparison) readList(ctx context.Context, l Listing) error {
	var last reading
	for n := 0; n < readings && !last.whole(); n++ {
		var err error
		if last, err = c.readPages(ctx, l); err != nil {
			return err
		}
	}
	if last.moved && l.From.Before(l.To) {
		first, second := l.halves()
		if err := c.readList(ctx, first); err != nil {
			return err
		}
		return c.readList(ctx, second)
	}
	if !last.whole() {
		c.failed = append(c.failed, &Error{Code: GatewayUnavailable, Message: "A list of the payment gateway's was not to be read whole.",
			Err: fmt.Errorf("%w: %s payments from %s to %s: %d of %d", ErrUntrustworthy, l.Status, l.From, l.To, last.payments(), last.total)})
	}
	for _, u := range last.nameless {
		if err := c.report(ctx, Difference{Kind: UnreadableThere, Theirs: u.Why}); err != nil {
			return err
		}
	}
	return nil
}

// reading is what a list said while it was read.
type reading struct {
	total    int64 // by its first page
	moved    bool  // another page told another total
	named    map[string]bool
	nameless []Unreadable // payments on it that cannot even be named
}

func (r reading) payments() int64 { return int64(len(r.named) + len(r.nameless)) }

// whole tells whether the list stood still and kept what it promised.
func (r reading) whole() bool { return r.named != nil && !r.moved && r.payments() == r.total }

func (c *comparison) readPages(ctx context.Context, l Listing) (reading, error) {
	read := reading{named: map[string]bool{}}
	for l.Page = 1; l.Page != 0; {
		page, err := c.Gateway.PaymentList(ctx, l)
		if err != nil {
			return reading{}, err
		}
		if l.Page == 1 {
			read.total = page.Total
		}
		read.moved = read.moved || page.Total != read.total
		if err := c.comparePage(ctx, page.Payments); err != nil {
			return reading{}, err
		}
		for _, p := range page.Payments {
			read.named[p.ImpUID] = true
		}
		for _, u := range page.Unreadable {
			if u.ImpUID == "" {
				read.nameless = append(read.nameless, u)
				continue
			}
			read.named[u.ImpUID] = true
			c.see(u.ImpUID)
			c.doubts = append(c.doubts, u.ImpUID)
		}
		l.Page = page.Next
	}
	return read, nil
}

func (c *comparison) see(impUID string) {
	if !c.seen[impUID] {
		c.seen[impUID] = true
		c.run.Listed++
	}
}

// comparePage finds the payments of a page that our books do not know, or know differently.
func (c *comparison) comparePage(ctx context.Context, listed []Payment) error {
	ids := make([]string, len(listed))
	for i, p := range listed {
		ids[i] = p.ImpUID
	}
	ours, err := c.books(ctx, ids)
	if err != nil {
		return err
	}
	var strangers []Payment
	for _, p := range listed {
		fresh := !c.seen[p.ImpUID]
		c.see(p.ImpUID)
		if p.Sandbox == c.Live {
			strangers = append(strangers, p)
			continue
		}
		if fresh {
			c.run.Compared++
		}
		b := ours[p.ImpUID]
		if kind := b.difference(p); kind == MissingHere && b.hopeless() {
			c.strays[p.ImpUID] = true
		} else if kind != "" {
			c.doubts = append(c.doubts, p.ImpUID)
		}
	}
	return c.compareStrangers(ctx, strangers, ours)
}

func (c *comparison) reportPayment(ctx context.Context, kind DifferenceKind, ours *booked, theirs Payment, healed bool) error {
	return c.report(ctx, Difference{ImpUID: theirs.ImpUID, MerchantUID: theirs.MerchantUID, Kind: kind, Ours: ours.String(),
		Theirs: describe(theirs), Healed: healed})
}

// compareStrangers looks at payments of the other mode: test channels in live mode (contract §0.1, F20). The lists show
// them, look-ups hide them. They are none of our business unless somebody was credited for one, or tried to be.
func (c *comparison) compareStrangers(ctx context.Context, strangers []Payment, ours map[string]*booked) error {
	if len(strangers) == 0 {
		return nil
	}
	orders := make([]string, len(strangers))
	for i, p := range strangers {
		orders[i] = p.MerchantUID
	}
	var known []string
	err := c.DB.WithContext(ctx).Raw("SELECT merchant_uid FROM charge_orders WHERE merchant_uid IN ?", orders).Scan(&known).Error
	if err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	isKnown := make(map[string]bool, len(known))
	for _, order := range known {
		isKnown[order] = true
	}
	for _, p := range strangers {
		b := ours[p.ImpUID]
		if isKnown[p.MerchantUID] || b != nil && b.Charges > 0 {
			if err := c.reportPayment(ctx, DifferentMode, b, p, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// readBooks is the other direction: every payment that ours say was paid in the period must have been listed, unless
// it was cancelled later. What was not is looked up.
func (c *comparison) readBooks(ctx context.Context) error {
	from, after := c.run.FromAt, ""
	for {
		batch, err := c.paidBetween(ctx, from, after)
		if err != nil {
			return err
		}
		for _, b := range batch {
			if err := c.compareOurs(ctx, &b); err != nil {
				return err
			}
		}
		if len(batch) < reconcileBatch {
			return nil
		}
		last := batch[len(batch)-1]
		from, after = *last.PaidAt, last.ImpUID
	}
}

func (c *comparison) compareOurs(ctx context.Context, b *booked) error {
	switch {
	case c.seen[b.ImpUID]:
		return nil
	case b.Sandbox != c.Live:
		c.run.Compared++
		return c.decide(ctx, b.ImpUID)
	case b.Charges > 0: // of the other mode; a look-up would not find it
		return c.report(ctx, Difference{ImpUID: b.ImpUID, MerchantUID: b.MerchantUID, Kind: DifferentMode, Ours: b.String()})
	}
	return nil
}
