package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"pointcharge/internal/audit"
	"pointcharge/internal/charge"
	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

// verifyBothSides proves that both sides did all of the work, and equal work: every order was
// charged once and is in the user's balance, and the books of both sides pass the domain's own
// audit.
func (s *stage) verifyBothSides(ctx context.Context) error {
	charged := int64(s.warmUp() + s.rounds*s.payments)
	for _, side := range []side{serverSide, pgbenchSide} {
		if err := s.verifySide(ctx, side, charged); err != nil {
			return fmt.Errorf("the books of the %s are wrong: %w", side, err)
		}
	}
	return s.runAuditCommand(ctx)
}

func (s *stage) verifySide(ctx context.Context, side side, charged int64) error {
	var lines, uncharged, wrong int64
	err := s.db.QueryRow(ctx, `
		SELECT
			(SELECT count(*) FROM point_transactions WHERE kind = 'CHARGE' AND user_id LIKE $1),
			(SELECT count(*) FROM charge_orders WHERE user_id LIKE $1 AND (status <> 'PAID' OR claim_id IS NULL)),
			(SELECT count(*)
				FROM (SELECT user_id, sum(points) AS points FROM charge_orders WHERE user_id LIKE $1 GROUP BY user_id) o
				LEFT JOIN wallets w USING (user_id)
				WHERE w.balance IS DISTINCT FROM o.points)`, string(side)+"-%").Scan(&lines, &uncharged, &wrong)
	if err == nil && (lines != charged || uncharged > 0 || wrong > 0) {
		err = fmt.Errorf("%d CHARGE lines for %d payments, %d orders not charged, %d balances wrong", lines, charged, uncharged, wrong)
	}
	return err
}

func (s *stage) runAuditCommand(ctx context.Context) error {
	db, err := database.Open(ctx, s.url, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	findings, err := audit.Run(ctx, db, slices.Concat(point.Invariants(), charge.Invariants()))
	errs := []error{err, database.Close(db)}
	for _, f := range findings {
		errs = append(errs, errors.New("audit: "+f.String()))
	}
	return errors.Join(errs...)
}
