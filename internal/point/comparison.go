package point

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	doubts   []string        // payments to look up
}

// compare reads the gateway's lists first and then asks our books for what was not in them.
func (c *comparison) compare(ctx context.Context) error {
	for _, p := range periods(c.run.FromAt, c.run.ToAt, c.run.StartedAt) {
		for _, status := range []PaymentStatus{Paid, Cancelled} {
			if err := c.readList(ctx, Listing{Status: status, From: p.from, To: p.to}); err != nil {
				return fmt.Errorf("reconcile %s payments from %s: %w", status, p.from.Format(time.RFC3339), err)
			}
		}
		if err := c.settleDoubts(ctx); err != nil {
			return err
		}
	}
	return c.readBooks(ctx)
}

// readList reads a list to its end, and again when it changed meanwhile: a payment that leaves the list moves all that
// follow one place forward, and one of them to a page that was read already. What was read in vain still counts.
func (c *comparison) readList(ctx context.Context, l Listing) error {
	var nameless []Unreadable
	steady := false
	for reading := 0; reading < readings && !steady; reading++ {
		var err error
		if steady, nameless, err = c.readPages(ctx, l); err != nil {
			return err
		}
	}
	if !steady {
		c.run.note("The list of %s payments from %s to %s changed each time it was read.",
			l.Status, l.From.Format(time.RFC3339), l.To.Format(time.RFC3339))
	}
	for _, u := range nameless {
		if err := c.report(ctx, Difference{Kind: UnreadableThere, Theirs: u.Why}); err != nil {
			return err
		}
	}
	return nil
}

// readPages tells whether the list stood still, and which payments on it cannot even be named.
func (c *comparison) readPages(ctx context.Context, l Listing) (steady bool, nameless []Unreadable, err error) {
	read, total := int64(0), int64(-1)
	steady = true
	for l.Page = 1; l.Page != 0; {
		page, err := c.Gateway.PaymentList(ctx, l)
		if err != nil {
			return false, nil, err
		}
		if total < 0 {
			total = page.Total
		}
		steady = steady && page.Total == total
		read += int64(len(page.Payments) + len(page.Unreadable))
		if err := c.comparePage(ctx, page.Payments); err != nil {
			return false, nil, err
		}
		for _, u := range page.Unreadable {
			if u.ImpUID == "" {
				nameless = append(nameless, u)
			} else {
				c.see(u.ImpUID)
				c.doubts = append(c.doubts, u.ImpUID)
			}
		}
		l.Page = page.Next
	}
	return steady && read == total, nameless, nil
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
			err = c.reportPayment(ctx, kind, b, p, false)
		} else if kind != "" {
			c.doubts = append(c.doubts, p.ImpUID)
		}
		if err != nil {
			return err
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

// settleDoubts looks up, one after another, what did not agree. Nothing is written by the lists' word: they may be
// older than our books.
func (c *comparison) settleDoubts(ctx context.Context) error {
	slices.Sort(c.doubts)
	for _, impUID := range slices.Compact(c.doubts) { // some are on two lists, or on two readings of one
		if err := c.settle(ctx, impUID); err != nil {
			return err
		}
	}
	c.doubts = c.doubts[:0]
	return nil
}

// settle makes our books agree with the gateway about one payment, and reports it if they did not.
func (c *comparison) settle(ctx context.Context, impUID string) error {
	before, err := c.book(ctx, impUID)
	if err != nil {
		return err
	}
	answer, err := c.lookUp(ctx, impUID)
	switch {
	case CodeOf(err) == PaymentNotFound:
		return c.settleUnknown(ctx, impUID, before)
	case errors.Is(err, ErrUntrustworthy):
		return c.report(ctx, Difference{ImpUID: impUID, Kind: UnreadableThere, Ours: before.String(), Theirs: safe(err)})
	case err != nil:
		return err
	}
	kind := before.difference(answer)
	switch {
	case kind == "": // the list's copy was old, or somebody was faster
		return nil
	case before != nil && before.MerchantUID != answer.MerchantUID: // the books will not follow it to another order
		return c.reportPayment(ctx, kind, before, answer, false)
	}
	if _, err := c.merge(ctx, answer); err != nil {
		return err
	}
	after, err := c.book(ctx, impUID)
	if err != nil {
		return err
	}
	if still := after.difference(answer); still != "" {
		return c.reportPayment(ctx, still, before, answer, false)
	}
	return c.reportPayment(ctx, kind, before, answer, true)
}

// settleUnknown reports a payment that the gateway does not know by itself: one of ours that it should know, or one
// that it has listed.
func (c *comparison) settleUnknown(ctx context.Context, impUID string, ours *booked) error {
	if ours == nil {
		return c.report(ctx, Difference{ImpUID: impUID, Kind: UnreadableThere, Theirs: "listed, but not found by its imp_uid"})
	}
	if ours.Charges > 0 {
		if err := c.mark(ctx, ours); err != nil {
			return fmt.Errorf("mark %s: %w", impUID, err)
		}
	}
	return c.report(ctx, Difference{ImpUID: impUID, MerchantUID: ours.MerchantUID, Kind: MissingAtGateway, Ours: ours.String()})
}

// book is what our books say of one payment; nil if nothing.
func (c *comparison) book(ctx context.Context, impUID string) (*booked, error) {
	found, err := c.books(ctx, []string{impUID})
	return found[impUID], err
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
		return c.settle(ctx, b.ImpUID)
	case b.Charges > 0: // of the other mode; a look-up would not find it
		return c.report(ctx, Difference{ImpUID: b.ImpUID, MerchantUID: b.MerchantUID, Kind: DifferentMode, Ours: b.String()})
	}
	return nil
}
