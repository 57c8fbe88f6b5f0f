package point

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
)

// UndoExpiryInput is an expiry to undo by an operator, with a reason.
type UndoExpiryInput struct {
	TransactionID string // the EXPIRE line
	// ExpiresAt is the new end of the points. A lot with a later end keeps its own. Zero means the
	// life of returned points (Lifetimes.Returned).
	ExpiresAt time.Time
	Reason    string // for people, 1 to 200 characters
	Actor     Actor  // an operator
}

func (in UndoExpiryInput) validate(now time.Time) error {
	if err := checkUndo(in.TransactionID, in.Reason, in.Actor); err != nil {
		return err
	}
	return checkNewExpiry(in.ExpiresAt, now)
}

func checkNewExpiry(expiresAt, now time.Time) error {
	if expiresAt.IsZero() || (expiresAt.After(now) && expiresAt.Before(now.AddDate(maxLifeYears, 0, 0))) {
		return nil
	}
	return apierror.Invalid("expiresAt", "expiresAt must be in the future, and less than %d years away.", maxLifeYears)
}

// UndoExpiry (소멸취소) gives the points of an EXPIRE line back to their own lots, with a later
// expiry, once, and returns the EXPIRE_CANCEL line. What the user owes is repaid from them at
// once. It refuses with InvalidArgument, also if some of the points stood for a cancellation of
// their charge since, with Forbidden and with NotFound.
func (s *Service) UndoExpiry(ctx context.Context, in UndoExpiryInput) (Transaction, error) {
	now := s.CurrentTime()
	if err := in.validate(now); err != nil {
		return Transaction{}, err
	}
	expired, err := database.FindOne[Transaction](ctx, s.db, "expiry", "id = ? AND kind = ?", in.TransactionID, KindExpire)
	if err != nil {
		return Transaction{}, err
	}
	return s.undoExpiry(ctx, in, expired, now)
}

func (s *Service) undoExpiry(ctx context.Context, in UndoExpiryInput, expired Transaction, now time.Time) (Transaction, error) {
	line := expired.newUndo(KindExpireCancel, in.Actor, in.Reason)
	line.CreatedAt = now
	expiresAt := in.ExpiresAt.UTC().Truncate(time.Microsecond)
	if in.ExpiresAt.IsZero() {
		expiresAt = s.Lifetimes.ofReturned().From(now)
	}
	return s.recordOnce(ctx, line, func(tx *gorm.DB, line *Transaction, _ Wallet) error {
		if err := refuseStandIn(tx, expired.ID); err != nil {
			return err
		}
		return reviveLots(tx, line, expiresAt)
	})
}

// standInLots is SQL for the lots of the EXPIRE line t of which a cancellation has counted
// expired points as given back, and would lack them if the line were undone. What a lot lost by
// other expiries may still be enough.
const standInLots = `SELECT 1 FROM lot_uses gone JOIN point_lots l ON l.id = gone.lot_id
		JOIN point_transactions credit ON credit.id = l.transaction_id AND credit.kind IN ('CHARGE', 'BONUS')
	WHERE gone.transaction_id = t.id AND (
		SELECT SUM(CASE WHEN l.kind = 'BONUS' THEN c.expired_bonus_points ELSE c.expired_points END)
		FROM payment_cancellations c WHERE c.imp_uid = credit.imp_uid) > COALESCE((
		SELECT SUM(u.amount) FROM lot_uses u JOIN point_transactions e ON e.id = u.transaction_id
			LEFT JOIN point_transactions undone ON undone.id = e.reverses_id
		WHERE u.lot_id = l.id AND u.reason <> 'DEBT' AND e.id <> t.id AND (e.kind = 'EXPIRE' OR undone.kind = 'EXPIRE')), 0)`

// refuseStandIn refuses to undo an expiry whose points stood for a cancellation: the money for
// them went back. The caller holds the wallet's lock, as whoever books a cancellation does.
func refuseStandIn(tx *gorm.DB, expiryID string) error {
	var n int64
	err := tx.Raw("SELECT COUNT(*) FROM point_transactions t WHERE t.id = ? AND EXISTS ("+standInLots+")", expiryID).Scan(&n).Error
	if err != nil {
		return fmt.Errorf("read what the expired points stood for: %w", err)
	}
	if n > 0 {
		return apierror.Invalid("transactionId", "Money went back for some of these points after they had expired: they cannot come back.")
	}
	return nil
}

// reviveLots writes line, which reverses an EXPIRE line, and gives its lots their points and a
// later expiry.
func reviveLots(tx *gorm.DB, line *Transaction, expiresAt time.Time) error {
	taken, err := readTakenLots(tx, *line.ReversesID)
	if err != nil {
		return err
	}
	if err := appendLine(tx, line); err != nil {
		return err
	}
	parts := make([]lotPart, len(taken))
	for i, lot := range taken {
		parts[i] = lotPart{lot.ID, lot.Taken}
	}
	err = tx.Exec(`UPDATE point_lots SET first_expires_at = COALESCE(first_expires_at, expires_at), expires_at = ?
		WHERE expires_at < ? AND id IN (SELECT lot_id FROM lot_uses WHERE transaction_id = ? AND reason = 'USE')`,
		expiresAt, expiresAt, *line.ReversesID).Error
	if err != nil {
		return fmt.Errorf("set the new expiry: %w", err)
	}
	if err := refillLots(tx, *line, parts); err != nil {
		return err
	}
	return consumeLots(tx, *line, Repaid, firstPoints(parts, line.debtRepaid()))
}

// UndoExpiriesInput is a period of expiries to undo by an operator, with a reason.
type UndoExpiriesInput struct {
	From, To  time.Time // of the EXPIRE lines' times: From is included, To is not
	ExpiresAt time.Time // as in UndoExpiryInput
	Reason    string    // for people, 1 to 200 characters
	Actor     Actor     // an operator
	After     string    // the EXPIRE line to continue after: UndoneExpiries.Last; empty at first
}

// UndoneExpiries is what one call of UndoExpiries did.
type UndoneExpiries struct {
	Visited int    // lines, also those that failed
	Undone  int    // lines
	Last    string // the last visited line's id
}

func (in UndoExpiriesInput) validate(now time.Time) error {
	if err := checkOperator(in.Actor); err != nil {
		return err
	}
	if !in.From.Before(in.To) {
		return apierror.Invalid("from", "from must be before to.")
	}
	if err := apierror.CheckText("reason", in.Reason, 1, maxText); err != nil {
		return err
	}
	return checkNewExpiry(in.ExpiresAt, now)
}

// UndoExpiries does what UndoExpiry does for at most limit EXPIRE lines of a period that are not
// undone yet and may be, after the line in.After; fewer visited lines than limit means that none is
// left. A clock that was ahead wrote them with its own time. One line that cannot be undone does
// not keep the others waiting.
func (s *Service) UndoExpiries(ctx context.Context, in UndoExpiriesInput, limit int) (done UndoneExpiries, failed error) {
	done.Last = in.After
	now := s.CurrentTime()
	if err := in.validate(now); err != nil {
		return done, err
	}
	lines, err := s.readExpiries(ctx, in, limit)
	if err != nil {
		return done, err
	}
	for _, expired := range lines {
		done.Visited, done.Last = done.Visited+1, expired.ID
		one := UndoExpiryInput{TransactionID: expired.ID, ExpiresAt: in.ExpiresAt, Reason: in.Reason, Actor: in.Actor}
		if _, err := s.undoExpiry(ctx, one, expired, now); err != nil {
			failed = errors.Join(failed, fmt.Errorf("undo expiry %s: %w", expired.ID, err))
			continue
		}
		done.Undone++
	}
	return done, failed
}

// readExpiries returns the next EXPIRE lines to undo, oldest first.
func (s *Service) readExpiries(ctx context.Context, in UndoExpiriesInput, limit int) (lines []Transaction, err error) {
	after, args := "", []any{in.From.UTC(), in.To.UTC()}
	if in.After != "" {
		after = "AND (t.created_at, t.id) > (SELECT l.created_at, l.id FROM point_transactions l WHERE l.id = ?)"
		args = append(args, in.After)
	}
	err = s.db.WithContext(ctx).Raw(`SELECT t.* FROM point_transactions t
		WHERE t.kind = 'EXPIRE' AND t.created_at >= ? AND t.created_at < ? `+after+` AND NOT EXISTS (
			SELECT 1 FROM point_transactions c WHERE c.reverses_id = t.id AND c.kind = 'EXPIRE_CANCEL')
			AND NOT EXISTS (`+standInLots+`)
		ORDER BY t.created_at, t.id LIMIT ?`, append(args, limit)...).Scan(&lines).Error
	if err != nil {
		return nil, fmt.Errorf("read expiries: %w", err)
	}
	return lines, nil
}
