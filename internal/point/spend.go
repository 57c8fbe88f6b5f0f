package point

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
)

// SpendInput says who uses how many points for what.
type SpendInput struct {
	UserID      string
	Amount      int64  // points, at least 1
	Reference   string // the caller's own id of it, as an order's number: the same one spends once
	Description string // for people, at most 200 characters
	Actor       Actor
}

// Spend (사용) takes points, all of them or none, and returns the SPEND line. The same reference with the
// same input returns the same line. It refuses with InvalidArgument (also for a reference that was used
// with another input) and InsufficientPoints, whose error carries the spendable points.
func (s *Service) Spend(ctx context.Context, in SpendInput) (Transaction, error) {
	line := Transaction{UserID: in.UserID, Kind: KindSpend, Amount: -in.Amount, Reference: &in.Reference,
		Description: in.Description, Actor: in.Actor, CreatedAt: s.CurrentTime()}
	if err := line.validate(); err != nil {
		return Transaction{}, err
	}
	return s.recordOnce(ctx, line, func(tx *gorm.DB, line *Transaction) error { return debit(tx, line) })
}

// AdjustInput says whose points an operator corrects, by how many and why.
type AdjustInput struct {
	UserID    string
	Amount    int64  // points; negative takes
	Reference string // the operator's own id of it: the same one adjusts once
	Reason    string // for people, 1 to 200 characters
	Actor     Actor  // an operator
}

// Adjust (조정) gives or takes points by an operator's hand and returns the ADJUST line. What is given is
// bonus points; what is taken never leaves less than nothing. It refuses as Spend does.
func (s *Service) Adjust(ctx context.Context, in AdjustInput) (Transaction, error) {
	line := Transaction{UserID: in.UserID, Kind: KindAdjust, Amount: in.Amount, Reference: &in.Reference,
		Actor: in.Actor, Description: in.Reason, CreatedAt: s.CurrentTime()}
	if err := line.validate(); err != nil {
		return Transaction{}, err
	}
	if in.Reason == "" {
		return Transaction{}, apierror.New(apierror.InvalidArgument, "An adjustment needs a reason.")
	}
	life := s.Lifetimes.Of(LotBonus)
	return s.recordOnce(ctx, line, func(tx *gorm.DB, line *Transaction) error {
		if line.Amount > 0 {
			return Credit(tx, line, LotBonus, life)
		}
		return debit(tx, line)
	})
}

// validate refuses what no line may look like.
func (t Transaction) validate() error {
	if err := apierror.CheckUserID(t.UserID); err != nil {
		return err
	}
	if err := t.Actor.Validate(); err != nil {
		return err
	}
	switch {
	case t.Amount == 0 || t.Amount > MaxAmount || t.Amount < -MaxAmount ||
		(t.Kind == KindSpend && t.Amount > 0) || (t.Kind == KindSpendCancel && t.Amount < 0):
		return apierror.New(apierror.InvalidArgument, "amount must be from 1 to %d points.", MaxAmount)
	case !apierror.ValidReference(*t.Reference):
		return apierror.New(apierror.InvalidArgument, "reference must be 1 to 100 printable characters.")
	case utf8.RuneCountInString(t.Description) > 200 || apierror.HasControl(t.Description):
		return apierror.New(apierror.InvalidArgument, "the text must be at most 200 printable characters.")
	}
	return nil
}

// recordOnce runs do for a new line of the user's wallet, under its lock and with everything due expired. A line
// of the same kind and reference that is there already is returned instead, if it says the same.
func (s *Service) recordOnce(ctx context.Context, line Transaction, do func(*gorm.DB, *Transaction) error) (Transaction, error) {
	var written Transaction
	err := database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		if err := LockWallet(tx, line.UserID); err != nil {
			return err
		}
		var earlier []Transaction
		err := tx.Where("user_id = ? AND kind = ? AND reference = ?", line.UserID, line.Kind, line.Reference).
			Limit(1).Find(&earlier).Error
		if err != nil {
			return err
		}
		if len(earlier) > 0 {
			written = earlier[0]
			return line.checkSameRequest(written)
		}
		if err := ExpireDue(tx, line.Actor, line.UserID, line.CreatedAt); err != nil {
			return err
		}
		written = line
		return do(tx, &written)
	})
	if err != nil {
		return Transaction{}, fmt.Errorf("%s %s: %w", line.Kind, *line.Reference, err)
	}
	return written, nil
}

// checkSameRequest refuses a reference that was used for something else.
func (t Transaction) checkSameRequest(earlier Transaction) error {
	if t.Amount != earlier.Amount || t.Description != earlier.Description || !equalPointers(t.ReversesID, earlier.ReversesID) {
		return apierror.New(apierror.InvalidArgument, "This reference was used with another input.")
	}
	return nil
}

func equalPointers[T comparable](a, b *T) bool {
	return a == b || (a != nil && b != nil && *a == *b)
}

// debit writes a debit and takes its points from the user's lots, or refuses with InsufficientPoints.
func debit(tx *gorm.DB, line *Transaction) error {
	there, err := readLots(tx, line.UserID)
	if err != nil {
		return err
	}
	spendable := int64(0)
	for _, lot := range there {
		spendable += lot.Spendable(line.CreatedAt)
	}
	if spendable < -line.Amount {
		return &apierror.Error{Code: apierror.InsufficientPoints, Message: "There are not enough points.", Balance: &spendable}
	}
	if err := appendLine(tx, line); err != nil {
		return err
	}
	return consumeLots(tx, *line, there, -line.Amount)
}

// CancelSpendInput says which spend is taken back, and how much of it.
type CancelSpendInput struct {
	UserID       string
	Reference    string // of the spend
	Amount       int64  // points, at least 1
	Cancellation string // the caller's own id of this cancellation: the same one gives back once
	Description  string // for people, at most 200 characters
	Actor        Actor
}

// CancelSpend (사용취소) gives points of a spend back to the lots they came from, in parts too, but never more
// than was spent, and returns the SPEND_CANCEL line. The lot used last gets its points first. Points of a
// lot that has expired meanwhile come back as a new lot (Lifetimes.Returned). The same Cancellation with
// the same input returns the same line. It refuses with NotFound and InvalidArgument.
func (s *Service) CancelSpend(ctx context.Context, in CancelSpendInput) (Transaction, error) {
	line := Transaction{UserID: in.UserID, Kind: KindSpendCancel, Amount: in.Amount, Reference: &in.Cancellation,
		Description: in.Description, Actor: in.Actor, CreatedAt: s.CurrentTime()}
	if err := line.validate(); err != nil {
		return Transaction{}, err
	}
	if !apierror.ValidReference(in.Reference) {
		return Transaction{}, apierror.New(apierror.InvalidArgument, "reference must be 1 to 100 printable characters.")
	}
	spend, err := database.FindOne[Transaction](ctx, s.db, "spend", "user_id = ? AND kind = ? AND reference = ?",
		in.UserID, KindSpend, in.Reference)
	if err != nil {
		return Transaction{}, err
	}
	line.ReversesID = &spend.ID
	life := s.Lifetimes.forReturned()
	return s.recordOnce(ctx, line, func(tx *gorm.DB, line *Transaction) error { return restoreLots(tx, line, life) })
}

// restoreLots writes line, which reverses a spend, and puts its points where they came from. What the user owes
// is repaid from them at once.
func restoreLots(tx *gorm.DB, line *Transaction, life time.Duration) error {
	spent, err := spentLots(tx, *line.ReversesID)
	if err != nil {
		return err
	}
	left := int64(0)
	for _, lot := range spent {
		left += lot.Spent
	}
	if line.Amount > left {
		return apierror.New(apierror.InvalidArgument, "Only %d points of this spend are left to cancel.", left)
	}
	if err := appendLine(tx, line); err != nil {
		return err
	}
	amount, owed := line.Amount, line.debtRepaid()
	for _, lot := range spent {
		part := min(lot.Spent, amount)
		if part == 0 {
			continue
		}
		back, err := lot.restore(tx, *line, part, life)
		if err != nil {
			return err
		}
		if repaid := min(part, owed); repaid > 0 {
			if err := consumeLot(tx, *line, back, Repaid, repaid); err != nil {
				return err
			}
			owed -= repaid
		}
		amount -= part
	}
	return nil
}

// spentLot is a lot that a spend used, and how many of its points have not come back.
type spentLot struct {
	Lot
	Spent int64
}

// spentLots are those of a spend, the one used last first.
func spentLots(tx *gorm.DB, spendID string) ([]spentLot, error) {
	var spent []spentLot
	err := tx.Raw(`SELECT l.*, u.amount
			- COALESCE((SELECT SUM(-r.amount) FROM lot_uses r JOIN point_transactions t ON t.id = r.transaction_id
				WHERE t.reverses_id = u.transaction_id AND r.reason = 'RETURN' AND r.lot_id = u.lot_id), 0)
			- COALESCE((SELECT SUM(n.initial) FROM point_lots n JOIN point_transactions t ON t.id = n.transaction_id
				WHERE t.reverses_id = u.transaction_id AND n.replaces_id = u.lot_id), 0) AS spent
		FROM lot_uses u JOIN point_lots l ON l.id = u.lot_id
		WHERE u.transaction_id = ? AND u.reason = 'USE'
		ORDER BY l.expires_at DESC, CASE l.kind WHEN 'BONUS' THEN 1 ELSE 0 END, l.id DESC`, spendID).Scan(&spent).Error
	if err != nil {
		return nil, fmt.Errorf("read what was spent: %w", err)
	}
	return spent, nil
}

// restore puts n points back into the lot, or into a new one if it has expired, and returns where they are.
func (l spentLot) restore(tx *gorm.DB, line Transaction, n int64, life time.Duration) (Lot, error) {
	if l.ExpiresAt.After(line.CreatedAt) {
		err := database.ExactlyOne(tx.Exec("UPDATE point_lots SET remaining = remaining + ? WHERE id = ?", n, l.ID))
		if err != nil {
			return Lot{}, err
		}
		return l.Lot, tx.Create(&LotUse{TransactionID: line.ID, LotID: l.ID, Reason: Returned, Amount: -n}).Error
	}
	anew := Lot{UserID: line.UserID, TransactionID: line.ID, Kind: l.Kind, Initial: n, Remaining: n,
		ExpiresAt: line.CreatedAt.Add(life), ReplacesID: &l.ID}
	return anew, anew.insert(tx)
}
