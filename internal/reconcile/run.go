package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
)

// batchSize is how many local payments one query reads.
const batchSize = 1000

// activeRun is a reconciliation under way. The imp_uid of every listed payment of a known order
// stays in memory. Foreign payments, for no known order, are only counted.
type activeRun struct {
	*Service

	record     *Run
	seen       map[string]bool     // listed payments of known orders, or in the books
	candidates []string            // payments to look up
	nameless   []charge.Unreadable // listed payments without a usable imp_uid
	failed     []error             // errors of incomplete lists
	splits     int                 // lists read in halves

	mu      sync.Mutex      // guards the fields below and the record's counts during look-ups
	counted map[string]bool // payments included in the record's counts
	broken  []error         // internal errors about single payments
}

func newActiveRun(s *Service, record *Run) *activeRun {
	return &activeRun{Service: s, record: record, seen: map[string]bool{}, counted: map[string]bool{}}
}

// compareLists reads the gateway's lists, then compares the books with the lists. An incomplete
// list stops no other list, but fails the run.
func (c *activeRun) compareLists(ctx context.Context) error {
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
	if err := c.compareBooks(ctx); err != nil {
		return err
	}
	return errors.Join(c.reportNameless(ctx), apierror.Summarize("lists", c.failed))
}

// comparePage sorts the payments of a page into known, foreign and of the other mode, and notes the
// candidates: payments that are missing in the books, or differ from the books.
func (c *activeRun) comparePage(ctx context.Context, page charge.PaymentPage, read *listRead) error {
	facts, err := c.readFacts(ctx, page)
	if err != nil {
		return err
	}
	for _, p := range page.Payments {
		var as listedAs
		if p.Sandbox == c.charges.Live {
			as, err = c.compareOtherMode(ctx, p, facts)
		} else {
			as = c.compareListed(p, facts)
		}
		if err != nil {
			return err
		}
		read.named[p.ImpUID] = as
	}
	for _, u := range page.Unreadable {
		if u.ImpUID == "" {
			read.nameless = append(read.nameless, u)
			continue
		}
		read.named[u.ImpUID] = c.compareUnreadable(u, facts)
	}
	return nil
}

// pageFacts are the books' facts about the payments of a page.
type pageFacts struct {
	payments map[string]*charge.LocalPayment // by imp_uid
	isOrder  map[string]bool                 // by merchant_uid
	current  map[string]*Discrepancy         // by imp_uid
}

// readFacts reads the books' facts about a page, with three queries.
func (c *activeRun) readFacts(ctx context.Context, page charge.PaymentPage) (f pageFacts, err error) {
	var impUIDs, merchantUIDs []string
	for _, p := range page.Payments {
		impUIDs, merchantUIDs = append(impUIDs, p.ImpUID), append(merchantUIDs, p.MerchantUID)
	}
	for _, u := range page.Unreadable {
		if u.ImpUID != "" {
			impUIDs, merchantUIDs = append(impUIDs, u.ImpUID), append(merchantUIDs, u.MerchantUID)
		}
	}
	if len(impUIDs) == 0 {
		return f, nil
	}
	if f.payments, err = c.charges.LocalPayments(ctx, impUIDs); err != nil {
		return f, err
	}
	if f.isOrder, err = c.charges.KnownOrders(ctx, merchantUIDs); err != nil {
		return f, err
	}
	f.current, err = c.currentDiscrepancies(ctx, impUIDs)
	return f, err
}

// isForeign tells whether a listed payment belongs to another shop. An order exists before its
// payment, so an unknown order stays unknown, and no look-up would help.
func (f pageFacts) isForeign(impUID, merchantUID string) bool {
	return !f.isOrder[merchantUID] && f.payments[impUID] == nil && f.current[impUID] == nil
}

func (c *activeRun) compareListed(p charge.Payment, f pageFacts) listedAs {
	if f.isForeign(p.ImpUID, p.MerchantUID) {
		return asForeign
	}
	local, current := f.payments[p.ImpUID], f.current[p.ImpUID]
	if c.markSeen(p.ImpUID) {
		c.record.Compared++
	}
	kind := compareToGateway(local, p)
	if kind == MissingHere && !f.isOrder[p.MerchantUID] {
		kind = "" // foreign, although a notice brought the payment into the books
	}
	differs := kind != "" && !c.isSettled(current, Discrepancy{Kind: kind, Ours: local.String(), Theirs: describePayment(p)})
	agreesNow := kind == "" && current != nil && current.State == Open
	if differs || agreesNow {
		c.candidates = append(c.candidates, p.ImpUID)
	}
	return asOurs
}

func (c *activeRun) compareUnreadable(u charge.Unreadable, f pageFacts) listedAs {
	if u.MerchantUID != "" && f.isForeign(u.ImpUID, u.MerchantUID) {
		return asForeign
	}
	c.markSeen(u.ImpUID)
	same := Discrepancy{Kind: UnreadableThere, Ours: f.payments[u.ImpUID].String()}
	if current := f.current[u.ImpUID]; current != nil {
		same.Theirs = current.Theirs // the words of a look-up, not of a list
	}
	if !c.isSettled(f.current[u.ImpUID], same) {
		c.candidates = append(c.candidates, u.ImpUID)
	}
	return asOurs
}

// markSeen notes that the gateway listed a known payment. The result is false for a repetition.
func (c *activeRun) markSeen(impUID string) bool {
	if c.seen[impUID] {
		return false
	}
	c.seen[impUID] = true
	c.record.Listed++
	return true
}

// compareOtherMode handles a payment of the other mode: of a test channel, in live mode (contract
// §0.1, F20). Lists show such payments, look-ups hide them. Payments of the other mode are only
// counted, except credited payments.
func (c *activeRun) compareOtherMode(ctx context.Context, p charge.Payment, f pageFacts) (listedAs, error) {
	local := f.payments[p.ImpUID]
	if local != nil {
		c.markSeen(p.ImpUID)
	}
	if local != nil && local.Charges > 0 {
		return asOurs, c.reportOtherMode(ctx, local, describePayment(p), f.current[p.ImpUID])
	}
	switch {
	case f.isOrder[p.MerchantUID] && local != nil:
		return asOurOtherMode, nil
	case f.isOrder[p.MerchantUID]:
		return asOtherMode, nil
	}
	return asForeign, nil
}

func (c *activeRun) reportOtherMode(ctx context.Context, local *charge.LocalPayment, theirs string, current *Discrepancy) error {
	found := Discrepancy{ImpUID: local.ImpUID, MerchantUID: local.MerchantUID, Kind: DifferentMode, Ours: local.String(),
		Theirs: theirs, HasProblem: isOpenProblem(local)}
	if c.isSettled(current, found) {
		return nil
	}
	return c.reportOpen(ctx, found)
}

// compareBooks compares in the other direction: the lists must have every payment of the period in
// the books, except payments cancelled later. Payments missing on the lists are looked up.
func (c *activeRun) compareBooks(ctx context.Context) error {
	from, after := c.record.FromAt, ""
	for {
		batch, err := c.charges.LocalPaymentsPaid(ctx, from, after, c.record.ToAt, batchSize)
		if err != nil {
			return err
		}
		if err := c.compareLocal(ctx, batch); err != nil {
			return err
		}
		if len(batch) < batchSize {
			return nil
		}
		last := batch[len(batch)-1]
		from, after = *last.PaidAt, last.ImpUID
	}
}

func (c *activeRun) compareLocal(ctx context.Context, batch []charge.LocalPayment) error {
	var unlisted []*charge.LocalPayment
	var impUIDs []string
	for i := range batch {
		if !c.seen[batch[i].ImpUID] {
			unlisted, impUIDs = append(unlisted, &batch[i]), append(impUIDs, batch[i].ImpUID)
		}
	}
	current, err := c.currentDiscrepancies(ctx, impUIDs)
	if err != nil {
		return err
	}
	for _, local := range unlisted {
		switch missing := (Discrepancy{Kind: MissingAtGateway, Ours: local.String()}); {
		// Look-ups hide payments of the other mode.
		case local.Sandbox == c.charges.Live && local.Charges > 0:
			if err := c.reportOtherMode(ctx, local, "", current[local.ImpUID]); err != nil {
				return err
			}
		case local.Sandbox == c.charges.Live:
		case c.isSettled(current[local.ImpUID], missing):
			c.record.Compared++
		default:
			c.record.Compared++
			c.candidates = append(c.candidates, local.ImpUID)
		}
	}
	return c.checkCandidates(ctx)
}

// reportNameless keeps one discrepancy for all listed payments without a usable imp_uid. A run with
// the full look-back that met no such payment closes the discrepancy.
func (c *activeRun) reportNameless(ctx context.Context) error {
	if len(c.nameless) == 0 {
		isLong := !c.record.FromAt.After(c.record.ToAt.Add(-c.Reconciling.lookBackOrDefault()))
		if isLong && len(c.failed) == 0 {
			return c.closeAgreed(ctx, "", "", "")
		}
		return nil
	}
	current, err := c.currentDiscrepancies(ctx, []string{""})
	if err != nil {
		return err
	}
	found := Discrepancy{Kind: UnreadableThere,
		Theirs: fmt.Sprintf("%d listed without a usable imp_uid: %s", len(c.nameless), c.nameless[0].Why)}
	if c.isSettled(current[""], found) {
		return nil
	}
	return c.reportOpen(ctx, found)
}
