package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/point"
)

const (
	// lookupsAtOnce is how many payments are looked up at the same time.
	lookupsAtOnce = 8
	// maxRechecks and recheckTimeout bound how many known discrepancies a run looks up again, and
	// for how long.
	maxRechecks    = 200
	recheckTimeout = time.Minute
)

// checkCandidates looks up the candidates, several payments at once. The lists alone change no row,
// because a list may be older than the books.
func (c *activeRun) checkCandidates(ctx context.Context) error {
	slices.Sort(c.candidates)
	candidates := slices.Compact(c.candidates) // some are on two lists, or on two readings of one
	c.candidates = c.candidates[:0]
	_, err := c.lookUp(ctx, candidates)
	return err
}

// lookUp checks payments and returns how many were checked. A failure of the gateway or of the
// database ends the loop.
func (c *activeRun) lookUp(ctx context.Context, impUIDs []string) (checked int64, err error) {
	var done atomic.Int64
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(lookupsAtOnce)
	for _, impUID := range impUIDs {
		if groupCtx.Err() != nil {
			break
		}
		group.Go(func() error {
			if err := c.checkPayment(groupCtx, impUID); err != nil {
				return err
			}
			done.Add(1)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return done.Load(), err
	}
	return done.Load(), context.Cause(ctx)
}

// recheckOpen looks up known discrepancies that are due. The comparison comes first and does not
// fail with recheckOpen: payments left over are due for the next run.
func (c *activeRun) recheckOpen(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, recheckTimeout)
	defer cancel()
	due, err := c.readDue(bounded, maxRechecks)
	if err == nil {
		var checked int64
		if checked, err = c.lookUp(bounded, due); checked < int64(len(due)) {
			c.record.addNote("%d known discrepancies were not looked up again.", int64(len(due))-checked)
		}
	}
	if apierror.CodeOf(err) == apierror.Internal && bounded.Err() == nil {
		c.broken = append(c.broken, fmt.Errorf("known discrepancies: %w", err))
	}
}

// checkPayment makes the books agree with the gateway about one payment. A payment that differed,
// or whose state cannot be found out, is reported and does not stop the comparison of other
// payments. checkPayment fails only when the gateway or the database is down.
func (c *activeRun) checkPayment(ctx context.Context, impUID string) error {
	before, err := c.localPayment(ctx, impUID)
	if err != nil {
		return err
	}
	err = apierror.RecoverPanic(func() error { return c.syncPayment(ctx, impUID, before) })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, charge.ErrUntrustworthy):
	case ctx.Err() != nil || apierror.CodeOf(err) == apierror.GatewayUnavailable && c.gatewayIsDown(ctx):
		return err
	case apierror.CodeOf(err) == apierror.Internal:
		c.mu.Lock()
		c.broken = append(c.broken, fmt.Errorf("payment %s: %w", impUID, err))
		c.mu.Unlock()
	}
	return c.reportOpen(ctx, Discrepancy{ImpUID: impUID, Kind: UnreadableThere, Ours: before.String(),
		Theirs: describeError(err), HasProblem: isOpenProblem(before)})
}

// gatewayIsDown asks the gateway for an empty list after a look-up of one payment got no answer.
func (c *activeRun) gatewayIsDown(ctx context.Context) bool {
	_, err := c.charges.Gateway.PaymentList(ctx, charge.Listing{Status: charge.Paid, From: c.record.ToAt, To: c.record.ToAt, Page: 1})
	return err != nil
}

// syncPayment asks the gateway about one payment, applies the answer to the books and reports the
// result. before is the payment in the books, or nil.
func (c *activeRun) syncPayment(ctx context.Context, impUID string, before *charge.LocalPayment) error {
	answer, err := c.charges.FetchPayment(ctx, impUID)
	if apierror.CodeOf(err) == apierror.PaymentNotFound {
		return c.checkUnknown(ctx, impUID, before)
	}
	if err != nil {
		return err
	}
	kind := compareToGateway(before, answer)
	if kind == MissingHere {
		isOrder, err := c.charges.KnownOrders(ctx, []string{answer.MerchantUID})
		if err != nil {
			return err
		}
		if !isOrder[answer.MerchantUID] {
			kind = "" // a foreign payment: the books need not know it
		}
	}
	switch {
	case kind == "": // the list's copy was old, or a notice was faster
		return c.closeAgreed(ctx, impUID, before.String(), describePayment(answer))
	// The books never move a payment to another order.
	case before != nil && before.MerchantUID != answer.MerchantUID:
		return c.reportOpen(ctx, newDiscrepancy(kind, before, answer))
	}
	if _, err := c.charges.ApplyPayment(ctx, point.Actor{Kind: point.ActorJob, ID: "reconcile"}, answer); err != nil {
		return err
	}
	after, err := c.localPayment(ctx, impUID)
	if err != nil {
		return err
	}
	if still := compareToGateway(after, answer); still != "" {
		return c.reportOpen(ctx, newDiscrepancy(still, after, answer))
	}
	return c.reportRepaired(ctx, newDiscrepancy(kind, before, answer))
}

// checkUnknown reports a payment that the gateway does not find by imp_uid, although the books know
// the payment or a list shows it.
func (c *activeRun) checkUnknown(ctx context.Context, impUID string, ours *charge.LocalPayment) error {
	if ours == nil {
		return c.reportOpen(ctx, Discrepancy{ImpUID: impUID, Kind: UnreadableThere, Theirs: "listed, but not found by its imp_uid"})
	}
	if ours.Decided && ours.Problem == charge.NotAtGateway {
		return c.closeAgreed(ctx, impUID, ours.String(), "")
	}
	if ours.Charges > 0 {
		if err := c.charges.FlagMissing(ctx, ours); err != nil {
			return fmt.Errorf("mark %s: %w", impUID, err)
		}
		var err error
		if ours, err = c.localPayment(ctx, impUID); err != nil {
			return err
		}
	}
	return c.reportOpen(ctx, Discrepancy{ImpUID: impUID, MerchantUID: ours.MerchantUID, Kind: MissingAtGateway, Ours: ours.String(),
		HasProblem: isOpenProblem(ours)})
}

// localPayment reads one payment from the books. The result is nil for an unknown payment.
func (c *activeRun) localPayment(ctx context.Context, impUID string) (*charge.LocalPayment, error) {
	found, err := c.charges.LocalPayments(ctx, []string{impUID})
	return found[impUID], err
}

// isOpenProblem tells whether the payment is on the list of problems.
func isOpenProblem(local *charge.LocalPayment) bool {
	return local != nil && local.Problem != charge.NoProblem && !local.Decided
}
