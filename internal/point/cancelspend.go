package point

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
)

// CancelSpendInput is a spend and the points to give back.
type CancelSpendInput struct {
	UserID    string
	Reference string // of the spend
	// Service is the sub of the spending service, for an operator who cancels in its place. Empty
	// means the caller's own spend, or for an operator the only spend with the reference.
	Service      string
	Amount       int64  // points, at least 1
	Cancellation string // the caller's own id of the cancellation: the same id gives back once
	Description  string // for people, at most 200 characters
	Actor        Actor
}

func (in CancelSpendInput) validate() error {
	if err := in.Actor.Validate(); err != nil {
		return err
	}
	if err := checkChange(in.UserID, in.Reference); err != nil {
		return err
	}
	if err := apierror.CheckReference("cancellation", in.Cancellation); err != nil {
		return err
	}
	if in.Service != "" {
		if err := apierror.CheckText("service", in.Service, 1, 128); err != nil {
			return err
		}
	}
	if in.Service != "" && !in.Actor.IsOperator() {
		return apierror.New(apierror.Forbidden, "Only an operator may cancel a service's spend in its place.")
	}
	if err := apierror.CheckText("description", in.Description, 0, maxText); err != nil {
		return err
	}
	return apierror.CheckAmount("amount", in.Amount, 1, MaxAmount, "points")
}

// CancelSpend (사용취소) gives points of a spend back to their lots, also in parts, up to the spent
// points, and returns the SPEND_CANCEL line. The lot used last gets its points first. If a lot ends
// before the life of returned points, the points come back as a new lot (Lifetimes.Returned). The
// same Cancellation with the same input returns the same line. Errors: NotFound, Forbidden,
// InvalidArgument.
func (s *Service) CancelSpend(ctx context.Context, in CancelSpendInput) (Transaction, error) {
	if err := in.validate(); err != nil {
		return Transaction{}, err
	}
	spend, err := s.findSpend(ctx, in)
	if err != nil {
		return Transaction{}, err
	}
	line := Transaction{UserID: in.UserID, Kind: KindSpendCancel, Amount: in.Amount, Reference: &in.Cancellation,
		ReversesID: &spend.ID, Description: in.Description, Actor: in.Actor, CreatedAt: s.CurrentTime()}
	return s.recordOnce(ctx, line, func(tx *gorm.DB, line *Transaction, _ Wallet) error { return s.restoreLots(tx, line) })
}

// findSpend returns the spend to cancel: the caller's own, or for an operator any user's.
func (s *Service) findSpend(ctx context.Context, in CancelSpendInput) (Transaction, error) {
	q := gorm.G[Transaction](s.db).Where("user_id = ? AND kind = ? AND reference = ?", in.UserID, KindSpend, in.Reference)
	switch {
	case in.Service != "":
		q = q.Where("service = ? OR actor_kind IS NULL", in.Service)
	case !in.Actor.IsOperator():
		q = q.Where("service = ? OR actor_kind IS NULL", in.Actor.service())
	}
	found, err := q.Order("service DESC").Limit(2).Find(ctx)
	switch {
	case err != nil:
		return Transaction{}, fmt.Errorf("read spend: %w", err)
	case len(found) == 0:
		return Transaction{}, apierror.New(apierror.NotFound, "There is no such spend.")
	case len(found) > 1 && in.Service == "" && in.Actor.IsOperator():
		return Transaction{}, apierror.Invalid("service", "Several services have a spend of this reference: name the service.")
	}
	return found[0], nil
}

// restoreLots writes line, which reverses a debit, and gives the points back to their lots. The
// points repay the user's debt at once.
func (s *Service) restoreLots(tx *gorm.DB, line *Transaction) error {
	taken, err := readTakenLots(tx, *line.ReversesID)
	if err != nil {
		return err
	}
	left := int64(0)
	for _, lot := range taken {
		left += lot.Taken
	}
	if line.Amount > left {
		return &apierror.Error{Code: apierror.InvalidArgument, Argument: "amount", Params: map[string]any{apierror.ParamLimit: left},
			Message: fmt.Sprintf("Only %d points of this spend are left to cancel.", left)}
	}
	if err := appendLine(tx, line); err != nil {
		return err
	}
	least := s.Lifetimes.ofReturned().From(line.CreatedAt)
	restored, old, anew, amount := []lotPart{}, []lotPart{}, []*Lot{}, line.Amount
	for _, lot := range taken {
		part := min(lot.Taken, amount)
		if amount -= part; part == 0 {
			break
		}
		if lot.ExpiresAt.Before(least) {
			anew = append(anew, lot.replace(*line, part, least))
			continue
		}
		old = append(old, lotPart{lot.ID, part})
	}
	if err := refillLots(tx, *line, old); err != nil {
		return err
	}
	if err := insertLots(tx, anew); err != nil {
		return err
	}
	restored = append(restored, old...)
	for _, lot := range anew {
		restored = append(restored, lotPart{lot.ID, lot.Initial})
	}
	return consumeLots(tx, *line, Repaid, firstPoints(restored, line.debtRepaid()))
}

// firstPoints returns the first n points of parts.
func firstPoints(parts []lotPart, n int64) []lotPart {
	var first []lotPart
	for _, part := range parts {
		if n <= 0 {
			break
		}
		part.Amount = min(part.Amount, n)
		n -= part.Amount
		first = append(first, part)
	}
	return first
}

// takenLot is a lot used by a debit, and how many of the points have not come back.
type takenLot struct {
	Lot
	Taken int64
}

// replace returns a new lot for n points of the lot.
func (l takenLot) replace(line Transaction, n int64, expiresAt time.Time) *Lot {
	return &Lot{UserID: line.UserID, TransactionID: line.ID, Kind: l.Kind, Initial: n, Remaining: n,
		ExpiresAt: expiresAt, ReplacesID: &l.ID}
}

// readTakenLots returns the lots of a debit with points still taken, the lot used last first.
func readTakenLots(tx *gorm.DB, debitID string) ([]takenLot, error) {
	var taken []takenLot
	err := tx.Raw(`SELECT l.*, u.amount - COALESCE(back.amount, 0) AS taken
		FROM lot_uses u JOIN point_lots l ON l.id = u.lot_id LEFT JOIN (
			SELECT lot_id, CAST(SUM(amount) AS bigint) AS amount FROM (
				SELECT r.lot_id, -r.amount AS amount FROM point_transactions t JOIN lot_uses r ON r.transaction_id = t.id
					WHERE t.reverses_id = ? AND r.reason = 'RETURN'
				UNION ALL
				SELECT n.replaces_id, n.initial FROM point_transactions t JOIN point_lots n ON n.transaction_id = t.id
					WHERE t.reverses_id = ?) returned GROUP BY lot_id) back ON back.lot_id = u.lot_id
		WHERE u.transaction_id = ? AND u.reason = 'USE' AND u.amount > COALESCE(back.amount, 0)
		ORDER BY l.expires_at DESC, l.kind DESC, l.id DESC`, debitID, debitID, debitID).Scan(&taken).Error
	if err != nil {
		return nil, fmt.Errorf("read what was taken: %w", err)
	}
	return taken, nil
}
