package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
)

const (
	// batchSize is how many rows of ours are read at once.
	batchSize = 1000
	// maxListReads is how often a list is read that changes while it is read.
	maxListReads = 3
)

// activeRun is a reconciliation under way. It keeps an imp_uid of each listed payment in memory, nothing more.
type activeRun struct {
	*Service

	record     *Run
	seen       map[string]bool // listed by the gateway
	reported   map[string]bool // differences that are kept already
	unmatched  map[string]bool // listed, and known to be for no order of ours
	candidates []string        // payments to look up
	failed     []error         // lists that were not to be read whole
	broken     []error         // our own errors about single payments
}

// compare reads the gateway's lists first and then asks our books for what was not in them. What cannot be compared
// keeps nothing else from it, but then the run has failed.
func (c *activeRun) compare(ctx context.Context) error {
	err := c.comparePeriods(ctx)
	if n := len(c.unmatched); n > 0 {
		c.record.addNote("%d payments for no order of ours were reported before.", n)
	}
	return errors.Join(err, apierror.Summarize("comparisons", c.failed))
}

func (c *activeRun) comparePeriods(ctx context.Context) error {
	for _, p := range splitPeriod(c.record.FromAt, c.record.ToAt, c.record.StartedAt) {
		for _, status := range []charge.PaymentStatus{charge.Paid, charge.Cancelled} {
			if err := c.readList(ctx, charge.Listing{Status: status, From: p.from, To: p.to}); err != nil {
				return fmt.Errorf("reconcile %s payments from %s: %w", status, p.from.Format(time.RFC3339), err)
			}
		}
		if err := c.checkCandidates(ctx); err != nil {
			return err
		}
	}
	return c.compareBooks(ctx)
}

// readList reads a list to its end, and again when it changed meanwhile: a payment that leaves the list moves all that
// follow one place forward, and one of them to a page that was read already. What was read in vain still counts. A list
// that changes each time is read in halves, which have fewer pages; a single one cannot change while it is read.
func (c *activeRun) readList(ctx context.Context, l charge.Listing) error {
	var last listRead
	for n := 0; n < maxListReads && !last.isWhole(); n++ {
		var err error
		if last, err = c.readPages(ctx, l); err != nil {
			return err
		}
	}
	if last.moved && l.From.Before(l.To) {
		first, second := splitListing(l)
		if err := c.readList(ctx, first); err != nil {
			return err
		}
		return c.readList(ctx, second)
	}
	if !last.isWhole() {
		c.failed = append(c.failed, &apierror.Error{Code: apierror.GatewayUnavailable, Message: "A list of the payment gateway's was not to be read whole.",
			Err: fmt.Errorf("%w: %s payments from %s to %s: %d of %d", charge.ErrUntrustworthy, l.Status, l.From, l.To, last.count(), last.total)})
	}
	for _, u := range last.nameless {
		if err := c.report(ctx, Discrepancy{Kind: UnreadableThere, Theirs: u.Why}); err != nil {
			return err
		}
	}
	return nil
}

// listRead is what a list said while it was read.
type listRead struct {
	total    int64 // by its first page
	moved    bool  // another page told another total
	named    map[string]bool
	nameless []charge.Unreadable // payments on it that cannot even be named
}

func (r listRead) count() int64 { return int64(len(r.named) + len(r.nameless)) }

// isWhole tells whether the list stood still and kept what it promised.
func (r listRead) isWhole() bool { return r.named != nil && !r.moved && r.count() == r.total }

func (c *activeRun) readPages(ctx context.Context, l charge.Listing) (listRead, error) {
	read := listRead{named: map[string]bool{}}
	for l.Page = 1; l.Page != 0; {
		page, err := c.charges.Gateway.PaymentList(ctx, l)
		if err != nil {
			return listRead{}, err
		}
		if l.Page == 1 {
			read.total = page.Total
		}
		read.moved = read.moved || page.Total != read.total
		if err := c.comparePage(ctx, page.Payments); err != nil {
			return listRead{}, err
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
			c.countListed(u.ImpUID)
			c.candidates = append(c.candidates, u.ImpUID)
		}
		l.Page = page.Next
	}
	return read, nil
}

func (c *activeRun) countListed(impUID string) {
	if !c.seen[impUID] {
		c.seen[impUID] = true
		c.record.Listed++
	}
}

// comparePage finds the payments of a page that our books do not know, or know differently.
func (c *activeRun) comparePage(ctx context.Context, listed []charge.Payment) error {
	ids := make([]string, len(listed))
	for i, p := range listed {
		ids[i] = p.ImpUID
	}
	ours, err := c.charges.LocalPayments(ctx, ids)
	if err != nil {
		return err
	}
	var strangers []charge.Payment
	for _, p := range listed {
		fresh := !c.seen[p.ImpUID]
		c.countListed(p.ImpUID)
		if p.Sandbox == c.charges.Live {
			strangers = append(strangers, p)
			continue
		}
		if fresh {
			c.record.Compared++
		}
		b := ours[p.ImpUID]
		if kind := compareToGateway(b, p); kind == MissingHere && isUnresolvable(b) {
			c.unmatched[p.ImpUID] = true
		} else if kind != "" {
			c.candidates = append(c.candidates, p.ImpUID)
		}
	}
	return c.compareOtherMode(ctx, strangers, ours)
}

func (c *activeRun) reportPayment(ctx context.Context, kind DiscrepancyKind, ours *charge.LocalPayment, theirs charge.Payment, healed bool) error {
	return c.report(ctx, Discrepancy{ImpUID: theirs.ImpUID, MerchantUID: theirs.MerchantUID, Kind: kind, Ours: ours.String(),
		Theirs: charge.DescribePayment(theirs), Repaired: healed})
}

// compareOtherMode looks at payments of the other mode: test channels in live mode (contract §0.1, F20). The lists show
// them, look-ups hide them. They are none of our business unless somebody was credited for one, or tried to be.
func (c *activeRun) compareOtherMode(ctx context.Context, strangers []charge.Payment, ours map[string]*charge.LocalPayment) error {
	if len(strangers) == 0 {
		return nil
	}
	orders := make([]string, len(strangers))
	for i, p := range strangers {
		orders[i] = p.MerchantUID
	}
	isKnown, err := c.charges.KnownOrders(ctx, orders)
	if err != nil {
		return err
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

// compareBooks is the other direction: every payment that ours say was paid in the period must have been listed, unless
// it was cancelled later. What was not is looked up.
func (c *activeRun) compareBooks(ctx context.Context) error {
	from, after := c.record.FromAt, ""
	for {
		batch, err := c.charges.LocalPaymentsPaid(ctx, from, after, c.record.ToAt, batchSize)
		if err != nil {
			return err
		}
		for _, b := range batch {
			if err := c.compareLocal(ctx, &b); err != nil {
				return err
			}
		}
		if len(batch) < batchSize {
			return nil
		}
		last := batch[len(batch)-1]
		from, after = *last.PaidAt, last.ImpUID
	}
}

func (c *activeRun) compareLocal(ctx context.Context, b *charge.LocalPayment) error {
	switch {
	case c.seen[b.ImpUID]:
		return nil
	case b.Sandbox != c.charges.Live:
		c.record.Compared++
		return c.checkPayment(ctx, b.ImpUID)
	case b.Charges > 0: // of the other mode; a look-up would not find it
		return c.report(ctx, Discrepancy{ImpUID: b.ImpUID, MerchantUID: b.MerchantUID, Kind: DifferentMode, Ours: b.String()})
	}
	return nil
}
