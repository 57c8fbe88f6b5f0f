package point

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
)

// AdjustInput is an operator's correction of a user's points, with a reason.
type AdjustInput struct {
	UserID    string
	Amount    int64  // points; negative takes
	Reference string // the operator's own id of the adjustment: the same id adjusts once
	Reason    string // for people, 1 to 200 characters
	Actor     Actor  // an operator
}

func (in AdjustInput) validate() error {
	if err := in.Actor.Validate(); err != nil {
		return err
	}
	if err := checkChange(in.UserID, in.Reference); err != nil {
		return err
	}
	if err := apierror.CheckText("reason", in.Reason, 1, maxText); err != nil {
		return err
	}
	if in.Amount == 0 {
		return apierror.Invalid("amount", "amount must be from -%d to %d points, and not 0.", MaxAmount, MaxAmount)
	}
	return apierror.CheckAmount("amount", in.Amount, -MaxAmount, MaxAmount, "points")
}

// Adjust (조정) gives or takes points by an operator's hand and returns the ADJUST line. Given points
// are bonus points; the balance never falls below zero. Errors are those of Spend.
func (s *Service) Adjust(ctx context.Context, in AdjustInput) (Transaction, error) {
	if err := in.validate(); err != nil {
		return Transaction{}, err
	}
	life := s.Lifetimes.Of(LotBonus)
	line := Transaction{UserID: in.UserID, Kind: KindAdjust, Amount: in.Amount, Reference: &in.Reference,
		Actor: in.Actor, Description: in.Reason, CreatedAt: s.CurrentTime()}
	return s.recordOnce(ctx, line, func(tx *gorm.DB, line *Transaction, wallet Wallet) error {
		if line.Amount > 0 {
			return Credit(tx, line, LotBonus, life)
		}
		return debit(tx, line, wallet)
	})
}

// ReverseAdjustmentInput is an adjustment to undo, with a reason.
type ReverseAdjustmentInput struct {
	TransactionID string // the ADJUST line
	AllowDebt     bool   // take back also points already spent
	Reason        string // for people, 1 to 200 characters
	Actor         Actor  // an operator
}

func (in ReverseAdjustmentInput) validate() error {
	return checkUndo(in.TransactionID, in.Reason, in.Actor)
}

// ReverseAdjustment (조정취소) undoes an adjustment, once, and returns the ADJUST_CANCEL line. Taken
// points go back to their own lots, as with CancelSpend. Given points are taken, from their own lot
// first, less points expired meanwhile. Errors: InvalidArgument, Forbidden, NotFound, and
// InsufficientPoints if the user has spent the points and debt is not allowed.
func (s *Service) ReverseAdjustment(ctx context.Context, in ReverseAdjustmentInput) (Transaction, error) {
	if err := in.validate(); err != nil {
		return Transaction{}, err
	}
	adjusted, err := database.FindOne[Transaction](ctx, s.db, "adjustment", "id = ? AND kind = ?", in.TransactionID, KindAdjust)
	if err != nil {
		return Transaction{}, err
	}
	line := adjusted.newUndo(KindAdjustCancel, in.Actor, in.Reason)
	line.CreatedAt = s.CurrentTime()
	return s.recordOnce(ctx, line, func(tx *gorm.DB, line *Transaction, wallet Wallet) error {
		if adjusted.Amount < 0 {
			return s.restoreLots(tx, line)
		}
		return s.takeGiven(tx, line, in.AllowDebt, wallet)
	})
}

// takeGiven takes the points given by an adjustment, less points expired meanwhile.
func (s *Service) takeGiven(tx *gorm.DB, line *Transaction, allowDebt bool, wallet Wallet) error {
	var own []Lot
	if err := tx.Where("transaction_id = ?", *line.ReversesID).Find(&own).Error; err != nil {
		return fmt.Errorf("read the adjustment's lots: %w", err)
	}
	var gone int64
	err := tx.Raw(`SELECT CAST(COALESCE(SUM(u.amount), 0) AS bigint) FROM point_lots l JOIN lot_uses u ON u.lot_id = l.id
		JOIN point_transactions t ON t.id = u.transaction_id
		WHERE l.transaction_id = ? AND u.reason <> 'DEBT' AND t.kind IN ('EXPIRE', 'EXPIRE_CANCEL')`, *line.ReversesID).Scan(&gone).Error
	if err != nil {
		return fmt.Errorf("read what has expired of the adjustment: %w", err)
	}
	for i, lot := range own {
		if !lot.ExpiresAt.After(line.CreatedAt) { // due, but left to the job
			gone += lot.Remaining - lot.Held
			own[i].Remaining = lot.Held
		}
	}
	if line.Amount += gone; line.Amount == 0 {
		return apierror.Invalid("transactionId", "All points of this adjustment have expired.")
	}
	missing, err := s.takeBack(tx, line, own, Share{}, allowDebt)
	if err == nil && missing > 0 && !allowDebt {
		err = insufficient(wallet.Spendable)
	}
	return err
}

// newUndo returns the line that undoes t. The reference is t's id, so a second undo is impossible.
func (t Transaction) newUndo(kind Kind, operator Actor, reason string) Transaction {
	return Transaction{UserID: t.UserID, Kind: kind, Amount: -t.Amount, Reference: &t.ID, ReversesID: &t.ID,
		Actor: operator, Description: reason}
}

func checkUndo(transactionID, reason string, operator Actor) error {
	if err := checkOperator(operator); err != nil {
		return err
	}
	if err := apierror.CheckID("transactionId", transactionID); err != nil {
		return err
	}
	return apierror.CheckText("reason", reason, 1, maxText)
}
