package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/point"
)

// checkCandidates looks up, one after another, what did not agree. Nothing is written by the lists' word: they may be
// older than our books.
func (c *activeRun) checkCandidates(ctx context.Context) error {
	slices.Sort(c.candidates)
	for _, impUID := range slices.Compact(c.candidates) { // some are on two lists, or on two readings of one
		if err := c.checkPayment(ctx, impUID); err != nil {
			return err
		}
	}
	c.candidates = c.candidates[:0]
	return nil
}

// checkPayment makes our books agree with the gateway about one payment, and reports it if they did not, or if that cannot be
// found out: one such payment must not keep the others from being compared. Only a gateway that is down ends the run.
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
		c.broken = append(c.broken, fmt.Errorf("payment %s: %w", impUID, err)) // the next run looks it up again
	}
	return c.report(ctx, Discrepancy{ImpUID: impUID, Kind: UnreadableThere, Ours: before.String(), Theirs: describeError(err)})
}

// gatewayIsDown asks the gateway for something else, when it gave no answer about one payment.
func (c *activeRun) gatewayIsDown(ctx context.Context) bool {
	_, err := c.charges.Gateway.PaymentList(ctx, charge.Listing{Status: charge.Paid, From: c.record.ToAt, To: c.record.ToAt, Page: 1})
	return err != nil
}

func (c *activeRun) syncPayment(ctx context.Context, impUID string, before *charge.LocalPayment) error {
	answer, err := c.charges.FetchPayment(ctx, impUID)
	if apierror.CodeOf(err) == apierror.PaymentNotFound {
		return c.checkUnknown(ctx, impUID, before)
	}
	if err != nil {
		return err
	}
	kind := compareToGateway(before, answer)
	switch {
	case kind == "": // the list's copy was old, or somebody was faster
		return nil
	case kind == MissingHere && isUnresolvable(before): // and reported before
		c.unmatched[impUID] = true
		return nil
	case before != nil && before.MerchantUID != answer.MerchantUID: // the books will not follow it to another order
		return c.reportPayment(ctx, kind, before, answer, false)
	}
	if _, err := c.charges.ApplyPayment(ctx, point.Actor{Kind: point.ActorJob, ID: "reconcile"}, answer); err != nil {
		return err
	}
	after, err := c.localPayment(ctx, impUID)
	if err != nil {
		return err
	}
	if still := compareToGateway(after, answer); still != "" {
		return c.reportPayment(ctx, still, before, answer, false)
	}
	return c.reportPayment(ctx, kind, before, answer, true)
}

// checkUnknown reports a payment that the gateway does not know by itself: one of ours that it should know, or one
// that it has listed.
func (c *activeRun) checkUnknown(ctx context.Context, impUID string, ours *charge.LocalPayment) error {
	if ours == nil {
		return c.report(ctx, Discrepancy{ImpUID: impUID, Kind: UnreadableThere, Theirs: "listed, but not found by its imp_uid"})
	}
	if ours.Decided && ours.Problem == charge.NotAtGateway {
		return nil
	}
	if ours.Charges > 0 {
		if err := c.charges.FlagMissing(ctx, ours); err != nil {
			return fmt.Errorf("mark %s: %w", impUID, err)
		}
	}
	return c.report(ctx, Discrepancy{ImpUID: impUID, MerchantUID: ours.MerchantUID, Kind: MissingAtGateway, Ours: ours.String()})
}

// localPayment is what our books say of one payment; nil if nothing.
func (c *activeRun) localPayment(ctx context.Context, impUID string) (*charge.LocalPayment, error) {
	found, err := c.charges.LocalPayments(ctx, []string{impUID})
	return found[impUID], err
}

// unrepaired are the differences of scheduled runs that ended after a time, unless they are healed.
const unrepaired = `FROM reconciliation_differences d JOIN reconciliations r ON r.id = d.reconciliation_id
	WHERE r.scheduled AND r.to_at >= ? AND NOT d.healed`

// OpenDiscrepancies are those that scheduled runs found, that are not healed and on no list of problems, since the last run
// that succeeded: the operator's other list. Each payment is in it once, as the last run had it.
func (s *Service) OpenDiscrepancies(ctx context.Context) ([]Discrepancy, error) {
	last, err := s.readWatermark(ctx, s.points.CurrentTime())
	if err != nil {
		return nil, err
	}
	var found []Discrepancy
	err = s.db.WithContext(ctx).Raw("SELECT d.* "+unrepaired+` AND NOT EXISTS (SELECT 1 FROM reconciliation_differences n
			WHERE n.imp_uid = d.imp_uid AND n.reconciliation_id > d.reconciliation_id)
		ORDER BY d.reconciliation_id DESC, d.position`, last).Scan(&found).Error
	if err != nil {
		return nil, fmt.Errorf("read open differences: %w", err)
	}
	impUIDs := make([]string, len(found))
	for i, d := range found {
		impUIDs[i] = d.ImpUID
	}
	listed, err := s.charges.OpenProblems(ctx, impUIDs)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(d Discrepancy) bool { return listed[d.ImpUID] }), nil
}

// readCandidates are the payments whose differences are not healed, also those on the list of problems: what an operator
// ignored may change, too. Look-ups hide payments of the other mode.
func (s *Service) readCandidates(ctx context.Context, last time.Time) ([]string, error) {
	var impUIDs []string
	err := s.db.WithContext(ctx).Raw("SELECT DISTINCT d.imp_uid "+unrepaired+" AND d.imp_uid <> '' AND d.kind <> ?",
		last, DifferentMode).Scan(&impUIDs).Error
	if err != nil {
		return nil, fmt.Errorf("read undecided payments: %w", err)
	}
	return impUIDs, nil
}
