package point

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database"
)

// Lifetimes says how long points live from the moment they are credited. Zero values mean the defaults.
type Lifetimes struct {
	Paid  time.Duration // five years, as commercial claims do (상법 제64조)
	Bonus time.Duration // one year; also for what operators give
	// Returned is the life of a cancelled spend's points whose own lot has expired meanwhile: 30 days.
	// Giving them back dead would make the cancellation worth nothing.
	Returned time.Duration
}

const day = 24 * time.Hour

// Of returns how long points of the kind live.
func (l Lifetimes) Of(kind LotKind) time.Duration {
	if kind == LotBonus {
		return orElse(l.Bonus, 365*day)
	}
	return orElse(l.Paid, 5*365*day)
}

func (l Lifetimes) forReturned() time.Duration { return orElse(l.Returned, 30*day) }

func orElse(d, fallback time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return fallback
}

// LotKind tells points that were paid for from those given on top.
type LotKind string

// The kinds of lots.
const (
	LotPaid  LotKind = "PAID"
	LotBonus LotKind = "BONUS"
)

// Lot (적립 묶음) is the points of one credit, which expire together.
type Lot struct {
	ID            string `gorm:"primaryKey"`
	UserID        string
	TransactionID string // the credit
	Kind          LotKind
	Initial       int64 // points
	Remaining     int64
	Held          int64 // of the remaining: by a refund under way
	ExpiresAt     time.Time
	ReplacesID    *string // the expired lot whose returned points these are
}

// TableName is the table's name in SQL.
func (Lot) TableName() string { return "point_lots" }

// LotUse says that a line took from a lot, or gave back to it.
type LotUse struct {
	TransactionID string
	LotID         string
	Reason        UseReason
	Amount        int64 // points taken; negative when given back
}

// TableName is the table's name in SQL.
func (LotUse) TableName() string { return "lot_uses" }

// UseReason says why a line touched a lot.
type UseReason string

// The reasons.
const (
	Used     UseReason = "USE"    // the line took points
	Returned UseReason = "RETURN" // a cancelled spend gave them back
	Repaid   UseReason = "DEBT"   // a credit repaid debt from the lot it made or gave back to
)

// spendOrder is how points are used up: what dies first, bonus before paid, then the oldest.
const spendOrder = "expires_at, CASE kind WHEN 'BONUS' THEN 0 ELSE 1 END, id"

// Credit writes a credit: the line and its lot, from which a debt is repaid first.
func Credit(tx *gorm.DB, line *Transaction, kind LotKind, life time.Duration) error {
	if err := appendLine(tx, line); err != nil {
		return err
	}
	lot := Lot{UserID: line.UserID, TransactionID: line.ID, Kind: kind, Initial: line.Amount, Remaining: line.Amount,
		ExpiresAt: line.CreatedAt.Add(life)}
	if err := lot.insert(tx); err != nil {
		return err
	}
	if owed := line.debtRepaid(); owed > 0 {
		return consumeLot(tx, *line, lot, Repaid, owed)
	}
	return nil
}

func (l *Lot) insert(tx *gorm.DB) (err error) {
	if l.ID, err = database.NewID(); err != nil {
		return err
	}
	if err := tx.Create(l).Error; err != nil {
		return fmt.Errorf("write lot: %w", err)
	}
	return nil
}

// consumeLot takes n points from the lot for line. What a refund holds gives way: only clawbacks get to it.
func consumeLot(tx *gorm.DB, line Transaction, lot Lot, reason UseReason, n int64) error {
	err := database.ExactlyOne(tx.Exec(`UPDATE point_lots SET remaining = remaining - ?,
		held = CASE WHEN held > remaining - ? THEN remaining - ? ELSE held END
		WHERE id = ? AND remaining >= ?`, n, n, n, lot.ID, n))
	if err != nil {
		return fmt.Errorf("use lot: %w", err)
	}
	return tx.Create(&LotUse{TransactionID: line.ID, LotID: lot.ID, Reason: reason, Amount: n}).Error
}

// consumeLots takes n points from the lots in their order, from each at most what may be spent of it now.
func consumeLots(tx *gorm.DB, line Transaction, lots []Lot, n int64) error {
	for _, lot := range lots {
		part := min(lot.Spendable(line.CreatedAt), n)
		if part == 0 {
			continue
		}
		if err := consumeLot(tx, line, lot, Used, part); err != nil {
			return err
		}
		n -= part
	}
	return nil
}

// Spendable is what may be spent at that moment: not what a refund holds, and nothing once it has expired.
func (l Lot) Spendable(now time.Time) int64 {
	if !l.ExpiresAt.After(now) {
		return 0
	}
	return l.Remaining - l.Held
}

// readLots are those of the user that have points left, in spendOrder. The caller holds the wallet's lock and
// has expired what was due.
func readLots(tx *gorm.DB, userID string) ([]Lot, error) {
	var found []Lot
	err := tx.Where("user_id = ? AND remaining > 0", userID).Order(spendOrder).Find(&found).Error
	if err != nil {
		return nil, fmt.Errorf("read lots: %w", err)
	}
	return found, nil
}

// ExpireDue writes an EXPIRE line for each of the user's lots whose time has come. Every writer that takes
// points calls it first, so an expired point is never spendable, whether or not the job ran. What a
// refund holds waits for the refund.
func ExpireDue(tx *gorm.DB, actor Actor, userID string, now time.Time) error {
	var due []Lot
	err := tx.Where("user_id = ? AND remaining > 0 AND held = 0 AND expires_at <= ?", userID, now).
		Order(spendOrder).Find(&due).Error
	if err != nil {
		return fmt.Errorf("read expired lots: %w", err)
	}
	for _, lot := range due {
		line := Transaction{UserID: userID, Kind: KindExpire, Amount: -lot.Remaining, Actor: actor, CreatedAt: now,
			Description: "포인트 소멸"}
		if err := appendLine(tx, &line); err != nil {
			return err
		}
		if err := consumeLot(tx, line, lot, Used, lot.Remaining); err != nil {
			return err
		}
	}
	return nil
}

// Expire (소멸) writes the EXPIRE lines that are due, of at most limit users, and returns how many users it
// visited; fewer than limit means that nothing more is due. It may run at any time, on any number of
// servers: whoever comes second finds nothing left to do.
func (s *Service) Expire(ctx context.Context, limit int) (int, error) {
	var users []string
	now := s.CurrentTime()
	err := s.db.WithContext(ctx).Raw(`SELECT DISTINCT user_id FROM point_lots
		WHERE remaining > 0 AND held = 0 AND expires_at <= ? LIMIT ?`, now, limit).Scan(&users).Error
	if err != nil {
		return 0, fmt.Errorf("find expired lots: %w", err)
	}
	var failed error // one wallet must not keep the others waiting
	for _, user := range users {
		err := database.Transact(ctx, s.db, func(tx *gorm.DB) error {
			if err := LockWallet(tx, user); err != nil {
				return err
			}
			return ExpireDue(tx, Actor{Kind: ActorJob, ID: "expire-points"}, user, now)
		})
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("expire %s: %w", user, err))
		}
	}
	return len(users), failed
}
