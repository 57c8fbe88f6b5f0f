package point

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
)

// ClawBack (회수) writes a CHARGE_CANCEL line and takes its points. Each lot of the payment's charge
// gives the share of its kind. Points missing in one lot come from the other, then from the user's
// other lots in the order of spending; the rest becomes debt. The line's amount is the whole share.
// The caller holds the wallet's lock and has expired due points.
func (s *Service) ClawBack(tx *gorm.DB, line *Transaction, share Share) error {
	own, err := ChargeLots(tx, *line.ImpUID)
	if err != nil {
		return err
	}
	_, err = s.takeBack(tx, line, own, share, true)
	return err
}

// takeBack writes a debit and takes points from the user's lots in this order: from own the share
// of each kind, the rest of own, the other lots in spendOrder, and last points held by refunds,
// because a refund's own cancellation needs the held points. Missing points become debt if allowed;
// otherwise takeBack takes no held points, returns the number of missing points and writes nothing.
// The caller holds the wallet's lock.
func (s *Service) takeBack(tx *gorm.DB, line *Transaction, own []Lot, share Share, mayLeaveDebt bool) (missing int64, err error) {
	parts, missing, err := findLotsToTakeBack(tx, *line, own, share, mayLeaveDebt)
	if err != nil || (missing > 0 && !mayLeaveDebt) {
		return missing, err
	}
	if missing > 0 {
		if err := s.expireAll(tx, line.Actor, line.UserID, line.CreatedAt, lotsIn(parts, own)); err != nil {
			return 0, err
		}
	}
	if err := appendLine(tx, line); err != nil {
		return 0, err
	}
	return missing, consumeLots(tx, *line, Used, parts)
}

// lotsIn returns the ids of the parts' lots.
func lotsIn(parts []lotPart, lots []Lot) []string {
	var ids []string
	for _, lot := range lots {
		if slices.ContainsFunc(parts, func(p lotPart) bool { return p.LotID == lot.ID }) {
			ids = append(ids, lot.ID)
		}
	}
	return ids
}

// findLotsToTakeBack returns the lots for takeBack, and how many points are missing. An own lot may
// have expired during its refund's hold: the released points are still there for the refund's
// cancellation.
func findLotsToTakeBack(tx *gorm.DB, line Transaction, own []Lot, share Share, mayTakeHeld bool) (parts []lotPart, missing int64, err error) {
	isOwn := map[string]bool{}
	for _, lot := range own {
		isOwn[lot.ID] = true
	}
	parts, n := takeOwn(own, share, -line.Amount)
	others, n, err := findLots(tx, line, n, isOwn)
	parts = append(parts, others...)
	if err != nil || n == 0 || !mayTakeHeld {
		return parts, n, err
	}
	var held []Lot
	if err := tx.Where("user_id = ? AND held > 0", line.UserID).Order(spendOrder).Find(&held).Error; err != nil {
		return nil, 0, fmt.Errorf("read held lots: %w", err)
	}
	slices.SortStableFunc(held, func(a, b Lot) int { return rank(isOwn[a.ID]) - rank(isOwn[b.ID]) })
	for _, lot := range held {
		taken := lot.Held
		if !isOwn[lot.ID] && !lot.ExpiresAt.After(line.CreatedAt) { // no point of the lot was taken yet
			taken = lot.Remaining
		}
		taken = min(taken, n)
		n -= taken
		if i := slices.IndexFunc(parts, func(p lotPart) bool { return p.LotID == lot.ID }); i >= 0 {
			parts[i].Amount += taken
		} else if taken > 0 {
			parts = append(parts, lotPart{lot.ID, taken})
		}
	}
	return parts, n, nil
}

// takeOwn takes n points from a charge's lots: the share of each kind first, then the rest. The
// result is the number of missing points.
func takeOwn(own []Lot, share Share, n int64) (parts []lotPart, missing int64) {
	taken := make([]int64, len(own))
	take := func(i int, most int64) {
		part := max(0, min(most, n))
		taken[i], n = taken[i]+part, n-part
	}
	for i, lot := range own {
		take(i, min(lot.Remaining-lot.Held, share.Of(lot.Kind)))
	}
	for i, lot := range own {
		take(i, lot.Remaining-lot.Held-taken[i])
		if taken[i] > 0 {
			parts = append(parts, lotPart{lot.ID, taken[i]})
		}
	}
	return parts, n
}

func rank(first bool) int {
	if first {
		return 0
	}
	return 1
}

// ChargeLots returns the lots of a charge, the bonus first.
func ChargeLots(tx *gorm.DB, impUID string) ([]Lot, error) {
	var own []Lot
	err := tx.Where(`transaction_id IN (SELECT id FROM point_transactions
		WHERE imp_uid = ? AND kind IN ('CHARGE', 'BONUS'))`, impUID).Order("kind").Find(&own).Error
	if err != nil {
		return nil, fmt.Errorf("read the charge's lots: %w", err)
	}
	return own, nil
}

// ClawbackInput is the points to take back from a user by an operator, with a reason.
type ClawbackInput struct {
	UserID string
	Amount int64 // points, at least 1
	// TransactionID is the CHARGE line of the returned money; the charge's lots are emptied first.
	// Empty without a charge.
	TransactionID string
	Reference     string // the operator's own id of the clawback: the same id takes once
	Reason        string // for people, 1 to 200 characters
	Actor         Actor  // an operator
}

func (in ClawbackInput) validate() error {
	if err := checkOperator(in.Actor); err != nil {
		return err
	}
	if err := checkChange(in.UserID, in.Reference); err != nil {
		return err
	}
	if err := apierror.CheckText("reason", in.Reason, 1, maxText); err != nil {
		return err
	}
	if in.TransactionID != "" {
		if err := apierror.CheckID("transactionId", in.TransactionID); err != nil {
			return err
		}
	}
	return apierror.CheckAmount("amount", in.Amount, 1, MaxAmount, "points")
}

// RecordClawback (수기 회수) takes points for money given back without the gateway's knowledge: in a
// provider's own admin, or at the bank. The result is the CLAWBACK line. Missing points become
// debt. The same reference with the same input returns the same line. Errors: InvalidArgument,
// Forbidden, and NotFound, also for a user without a wallet.
func (s *Service) RecordClawback(ctx context.Context, in ClawbackInput) (Transaction, error) {
	if err := in.validate(); err != nil {
		return Transaction{}, err
	}
	// A mistyped id must not become a debtor.
	if _, err := database.FindOne[Wallet](ctx, s.db, "wallet", "user_id = ?", in.UserID); err != nil {
		return Transaction{}, err
	}
	line := Transaction{UserID: in.UserID, Kind: KindClawback, Amount: -in.Amount, Reference: &in.Reference,
		Actor: in.Actor, Description: in.Reason, CreatedAt: s.CurrentTime()}
	if in.TransactionID != "" {
		charge, err := database.FindOne[Transaction](ctx, s.db, "charge", "id = ? AND user_id = ? AND kind = ?",
			in.TransactionID, in.UserID, KindCharge)
		if err != nil {
			return Transaction{}, err
		}
		line.ReversesID, line.ImpUID = &charge.ID, charge.ImpUID
	}
	return s.recordOnce(ctx, line, func(tx *gorm.DB, line *Transaction, _ Wallet) (err error) {
		var own []Lot
		if line.ImpUID != nil {
			if own, err = ChargeLots(tx, *line.ImpUID); err != nil {
				return err
			}
		}
		_, err = s.takeBack(tx, line, own, Share{}, true)
		return err
	})
}
