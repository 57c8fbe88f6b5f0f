package point

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"pointcharge/internal/database"
)

// DifferenceKind says what the gateway and our books disagree about.
type DifferenceKind string

// The kinds of differences.
const (
	MissingHere      DifferenceKind = "MISSING_HERE"       // paid there, not in our books: nobody told us, or no order of ours
	MissingAtGateway DifferenceKind = "MISSING_AT_GATEWAY" // paid in our books, unknown there
	DifferentAmount  DifferenceKind = "AMOUNT"             // or currency, or deposits: from what we knew, or from its order's price
	DifferentCancel  DifferenceKind = "CANCELLED_AMOUNT"   // cancelled here and there by different amounts
	DifferentOwner   DifferenceKind = "OWNER"              // of another order, claimed by another user, a second one of its order
	DifferentMode    DifferenceKind = "SANDBOX"            // of a test channel in live mode, or the reverse
	UnreadableThere  DifferenceKind = "UNREADABLE"         // listed, but no usable answer was to be had about it
)

// DifferenceKinds are all kinds.
func DifferenceKinds() []DifferenceKind {
	return []DifferenceKind{MissingHere, MissingAtGateway, DifferentAmount, DifferentCancel, DifferentOwner, DifferentMode, UnreadableThere}
}

// Difference is one payment about which a reconciliation found the gateway and our books to disagree.
type Difference struct {
	ReconciliationID string `gorm:"primaryKey"`
	Position         int64  `gorm:"primaryKey;autoIncrement:false"` // 1, 2, 3, … in each run
	ImpUID           string // empty for one that was unreadable there
	MerchantUID      string
	Kind             DifferenceKind
	Ours             string // what our books said before, for people; empty if nothing
	Theirs           string // what the gateway says; empty if nothing
	Healed           bool   // they agree now
}

// TableName is the table's name in SQL.
func (Difference) TableName() string { return "reconciliation_differences" }

// booked is what our books say of a payment. Raw and what else nobody compares is left out.
type booked struct {
	Payment `gorm:"embedded"`

	Charges int64 // CHARGE lines of it
	// Decided says that an operator accepted or ignored its problem as it is now: it is on no list any more.
	Decided bool
}

const bookedColumns = `p.imp_uid, p.merchant_uid, p.user_id, p.status, p.amount, p.cancelled_amount, p.currency, p.sandbox,
	p.paid_at, p.deposit_count, p.problem, p.synced_at,
	(SELECT COUNT(*) FROM point_transactions t WHERE t.imp_uid = p.imp_uid AND t.kind = 'CHARGE') AS charges,
	p.problem <> '' AND p.imp_uid NOT IN (SELECT imp_uid FROM (` + problems + `) listed) AS decided`

// difference is what our books and p disagree about, nil books being none; empty when they agree. What the gateway says
// about a payment may be right and still be no good to us: then it is its Problem.
func (b *booked) difference(p Payment) DifferenceKind {
	switch {
	case b == nil:
		return MissingHere
	case b.MerchantUID != p.MerchantUID:
		return DifferentOwner
	case b.Sandbox != p.Sandbox:
		return DifferentMode
	case b.Amount != p.Amount || b.Currency != p.Currency || b.DepositCount != len(p.Deposits):
		return DifferentAmount
	case b.Status != p.Status && (b.Status == Ready || b.Status == Failed):
		return MissingHere
	case b.CancelledAmount != p.CancelledAmount || b.Status != p.Status:
		return DifferentCancel
	case b.Decided:
		return ""
	case b.Problem != NoProblem:
		return b.Problem.difference()
	case b.Charges == 0 && p.holdsMoney():
		return MissingHere
	}
	return ""
}

// hopeless is a payment that another look-up cannot help, and that the operator knows of by its problem: nobody opens an
// order for a payment that is made already.
func (b *booked) hopeless() bool {
	return b != nil && b.Problem == UnknownOrder
}

func (p Problem) difference() DifferenceKind {
	switch p {
	case Accepted: // an operator has made the books agree
		return ""
	case WrongMode:
		return DifferentMode
	case UnknownOrder:
		return MissingHere
	case WrongCurrency, WrongAmount, WrongDeposit:
		return DifferentAmount
	case OrderAlreadyPaid, AnotherUser:
		return DifferentOwner
	case WrongCancellations:
		return DifferentCancel
	}
	return MissingAtGateway
}

func (b *booked) String() string {
	if b == nil {
		return ""
	}
	text := describe(b.Payment)
	if b.Charges > 0 {
		text += ", credited"
	}
	if b.Problem != NoProblem {
		text += ", problem " + string(b.Problem)
	}
	return text
}

func describe(p Payment) string {
	text := fmt.Sprintf("%s %d %s, cancelled %d, order %s", p.Status, p.Amount, p.Currency, p.CancelledAmount, p.MerchantUID)
	if p.Sandbox {
		text += ", test"
	}
	return text
}

// report keeps a difference with the run, once for each payment.
func (c *comparison) report(ctx context.Context, d Difference) error {
	if c.reported[d.ImpUID] {
		return nil
	}
	d.ReconciliationID, d.Position = c.run.ID, c.run.Healed+c.run.Differences+1
	err := database.Transact(ctx, c.DB, func(tx *gorm.DB) error {
		return tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&d).Error
	})
	if err != nil {
		return fmt.Errorf("keep difference: %w", err)
	}
	c.reported[d.ImpUID] = d.ImpUID != ""
	if d.Healed {
		c.run.Healed++
	} else {
		c.run.Differences++
	}
	return nil
}

// mark tells the operator of a credited payment that the gateway does not know, unless somebody has synced it since
// we read it: then the gateway does know it. The order is locked first, as everywhere.
func (c *comparison) mark(ctx context.Context, b *booked) error {
	return database.Transact(ctx, c.DB, func(tx *gorm.DB) error {
		if _, err := lockOrder(tx, b.MerchantUID); err != nil {
			return err
		}
		return tx.Exec("UPDATE payments SET problem = ? WHERE imp_uid = ? AND problem = '' AND synced_at = ?",
			NotAtGateway, b.ImpUID, b.SyncedAt).Error
	})
}

// books reads what ours say of payments, by imp_uid.
func (c *comparison) books(ctx context.Context, impUIDs []string) (map[string]*booked, error) {
	found := make(map[string]*booked, len(impUIDs))
	if len(impUIDs) == 0 {
		return found, nil
	}
	var rows []booked
	err := c.DB.WithContext(ctx).Raw("SELECT "+bookedColumns+" FROM payments p WHERE p.imp_uid IN ?", impUIDs).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read our payments: %w", err)
	}
	for i := range rows {
		found[rows[i].ImpUID] = &rows[i]
	}
	return found, nil
}

// paidBetween reads the next of our payments that were paid in the period, after the last one.
func (c *comparison) paidBetween(ctx context.Context, from time.Time, after string) ([]booked, error) {
	var rows []booked
	err := c.DB.WithContext(ctx).Raw("SELECT "+bookedColumns+` FROM payments p
		WHERE (p.paid_at, p.imp_uid) > (?, ?) AND p.paid_at <= ? AND p.status IN ('paid', 'cancelled')
		ORDER BY p.paid_at, p.imp_uid LIMIT ?`, from, after, c.run.ToAt, reconcileBatch).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read our payments: %w", err)
	}
	return rows, nil
}
