package point

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// decideAll looks up, one after another, what did not agree. Nothing is written by the lists' word: they may be
// older than our books.
func (c *comparison) decideAll(ctx context.Context) error {
	slices.Sort(c.doubts)
	for _, impUID := range slices.Compact(c.doubts) { // some are on two lists, or on two readings of one
		if err := c.decide(ctx, impUID); err != nil {
			return err
		}
	}
	c.doubts = c.doubts[:0]
	return nil
}

// decide makes our books agree with the gateway about one payment, and reports it if they did not, or if that cannot be
// found out: one such payment must not keep the others from being compared. Only a gateway that is down ends the run.
func (c *comparison) decide(ctx context.Context, impUID string) error {
	before, err := c.book(ctx, impUID)
	if err != nil {
		return err
	}
	err = Contained(func() error { return c.lookInto(ctx, impUID, before) })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrUntrustworthy):
	case ctx.Err() != nil || CodeOf(err) == GatewayUnavailable && c.isDown(ctx):
		return err
	case CodeOf(err) == Internal:
		c.broken = append(c.broken, fmt.Errorf("payment %s: %w", impUID, err)) // the next run looks it up again
	}
	return c.report(ctx, Difference{ImpUID: impUID, Kind: UnreadableThere, Ours: before.String(), Theirs: safe(err)})
}

// isDown asks the gateway for something else, when it gave no answer about one payment.
func (c *comparison) isDown(ctx context.Context) bool {
	_, err := c.Gateway.PaymentList(ctx, Listing{Status: Paid, From: c.run.ToAt, To: c.run.ToAt, Page: 1})
	return err != nil
}

func (c *comparison) lookInto(ctx context.Context, impUID string, before *booked) error {
	answer, err := c.lookUp(ctx, impUID)
	if CodeOf(err) == PaymentNotFound {
		return c.decideUnknown(ctx, impUID, before)
	}
	if err != nil {
		return err
	}
	kind := before.difference(answer)
	switch {
	case kind == "": // the list's copy was old, or somebody was faster
		return nil
	case kind == MissingHere && before.hopeless(): // and reported before
		c.strays[impUID] = true
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

// decideUnknown reports a payment that the gateway does not know by itself: one of ours that it should know, or one
// that it has listed.
func (c *comparison) decideUnknown(ctx context.Context, impUID string, ours *booked) error {
	if ours == nil {
		return c.report(ctx, Difference{ImpUID: impUID, Kind: UnreadableThere, Theirs: "listed, but not found by its imp_uid"})
	}
	if ours.Decided && ours.Problem == NotAtGateway {
		return nil
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

// unhealed are the differences of scheduled runs that ended after a time, unless they are healed.
const unhealed = `FROM reconciliation_differences d JOIN reconciliations r ON r.id = d.reconciliation_id
	WHERE r.scheduled AND r.to_at >= ? AND NOT d.healed`

// OpenDifferences are those that scheduled runs found, that are not healed and on no list of problems, since the last run
// that succeeded: the operator's other list. Each payment is in it once, as the last run had it.
func (s *Service) OpenDifferences(ctx context.Context) ([]Difference, error) {
	last, err := s.watermark(ctx, s.now())
	if err != nil {
		return nil, err
	}
	var found []Difference
	err = s.DB.WithContext(ctx).Raw("SELECT d.* "+unhealed+` AND NOT EXISTS (SELECT 1 FROM reconciliation_differences n
			WHERE n.imp_uid = d.imp_uid AND n.reconciliation_id > d.reconciliation_id)
		AND d.imp_uid NOT IN (SELECT imp_uid FROM (`+problems+`) listed)
		ORDER BY d.reconciliation_id DESC, d.position`, last).Scan(&found).Error
	if err != nil {
		return nil, fmt.Errorf("read open differences: %w", err)
	}
	return found, nil
}

// undecided are the payments whose differences are not healed, also those on the list of problems: what an operator
// ignored may change, too. Look-ups hide payments of the other mode.
func (s *Service) undecided(ctx context.Context, last time.Time) ([]string, error) {
	var impUIDs []string
	err := s.DB.WithContext(ctx).Raw("SELECT DISTINCT d.imp_uid "+unhealed+" AND d.imp_uid <> '' AND d.kind <> ?",
		last, DifferentMode).Scan(&impUIDs).Error
	if err != nil {
		return nil, fmt.Errorf("read undecided payments: %w", err)
	}
	return impUIDs, nil
}
