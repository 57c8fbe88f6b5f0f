package point

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
)

// SpendInput is a use of points.
type SpendInput struct {
	UserID      string
	Amount      int64  // points, at least 1
	Reference   string // the caller's own id of the spend, as an order's number: the same id spends once
	Description string // for people, at most 200 characters
	Actor       Actor
}

func (in SpendInput) validate() error {
	if err := in.Actor.Validate(); err != nil {
		return err
	}
	if err := checkChange(in.UserID, in.Reference); err != nil {
		return err
	}
	if err := apierror.CheckText("description", in.Description, 0, maxText); err != nil {
		return err
	}
	return apierror.CheckAmount("amount", in.Amount, 1, MaxAmount, "points")
}

// maxText is how many characters a description or a reason may have.
const maxText = 200

// checkChange refuses an impossible user id or reference.
func checkChange(userID, reference string) error {
	if err := apierror.CheckUserID(userID); err != nil {
		return err
	}
	return apierror.CheckReference("reference", reference)
}

// Spend (사용) takes points, all or none, and returns the SPEND line. The same reference of the same
// service with the same input returns the same line. Errors: InvalidArgument (also for a reference
// used with another input), and InsufficientPoints with the spendable points.
func (s *Service) Spend(ctx context.Context, in SpendInput) (Transaction, error) {
	if err := in.validate(); err != nil {
		return Transaction{}, err
	}
	return s.recordOnce(ctx, Transaction{UserID: in.UserID, Kind: KindSpend, Amount: -in.Amount, Reference: &in.Reference,
		Description: in.Description, Actor: in.Actor, CreatedAt: s.CurrentTime()}, debit)
}

// recordOnce runs do for a new line of the user's wallet, under the wallet's lock and after the
// expiry of due points. An existing line of the same kind, caller and reference is returned
// instead, if equal.
func (s *Service) recordOnce(ctx context.Context, line Transaction, do func(*gorm.DB, *Transaction, Wallet) error) (Transaction, error) {
	line.Service = line.Actor.service()
	var written Transaction
	err := database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		if err := LockWallet(tx, line.UserID); err != nil {
			return err
		}
		earlier, err := findRecorded(tx, line)
		if err != nil {
			return err
		}
		if len(earlier) > 0 {
			written = earlier[0]
			return line.checkSameRequest(written)
		}
		wallet, err := readWallet(tx, line.UserID, line.CreatedAt)
		if err != nil {
			return err
		}
		if err := s.expireDue(tx, line.Actor, wallet, line.CreatedAt); err != nil {
			return err
		}
		written = line
		return do(tx, &written, wallet)
	})
	if err != nil {
		return Transaction{}, fmt.Errorf("%s %s: %w", line.Kind, *line.Reference, err)
	}
	return written, nil
}

// findRecorded returns the caller's line of the same kind and reference, if there is one. Lines
// without an actor's kind are from before references belonged to services, and count for every
// service.
func findRecorded(tx *gorm.DB, line Transaction) (earlier []Transaction, err error) {
	err = tx.Where("user_id = ? AND kind = ? AND reference = ?", line.UserID, line.Kind, line.Reference).
		Where("service = ? OR actor_kind IS NULL", line.Service).
		Order("service DESC").Limit(1).Find(&earlier).Error
	return earlier, err
}

// checkSameRequest refuses a reference used for another request. The points given back by an undone
// line are no part of the request.
func (t Transaction) checkSameRequest(earlier Transaction) error {
	undoes := t.Kind == KindAdjustCancel || t.Kind == KindExpireCancel
	if (t.Amount != earlier.Amount && !undoes) || t.Description != earlier.Description || !equalPointers(t.ReversesID, earlier.ReversesID) {
		return apierror.Invalid("reference", "This reference was used with another input.")
	}
	return nil
}

func equalPointers[T comparable](a, b *T) bool {
	return a == b || (a != nil && b != nil && *a == *b)
}

// debit writes a debit and takes the points from the user's lots, or refuses with
// InsufficientPoints.
func debit(tx *gorm.DB, line *Transaction, wallet Wallet) error {
	if wallet.Spendable < -line.Amount {
		return insufficient(wallet.Spendable)
	}
	parts, missing, err := findLots(tx, *line, -line.Amount, nil)
	if err != nil {
		return err
	}
	if missing > 0 {
		return fmt.Errorf("the wallet says that %d points can be spent, its lots have %d fewer", wallet.Spendable, missing)
	}
	if err := appendLine(tx, line); err != nil {
		return err
	}
	return consumeLots(tx, *line, Used, parts)
}

func insufficient(spendable int64) error {
	return &apierror.Error{Code: apierror.InsufficientPoints, Message: "There are not enough points.",
		Params: map[string]any{apierror.ParamBalance: spendable}}
}
