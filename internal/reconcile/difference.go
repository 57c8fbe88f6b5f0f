package reconcile

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"pointcharge/internal/charge"
	"pointcharge/internal/database"
)

// DiscrepancyKind says what the gateway and our books disagree about.
type DiscrepancyKind string

// The kinds of differences.
const (
	MissingHere      DiscrepancyKind = "MISSING_HERE"       // paid there, not in our books: nobody told us, or no order of ours
	MissingAtGateway DiscrepancyKind = "MISSING_AT_GATEWAY" // paid in our books, unknown there
	DifferentAmount  DiscrepancyKind = "AMOUNT"             // or currency, or deposits: from what we knew, or from its order's price
	DifferentCancel  DiscrepancyKind = "CANCELLED_AMOUNT"   // cancelled here and there by different amounts
	DifferentOwner   DiscrepancyKind = "OWNER"              // of another order, claimed by another user, a second one of its order
	DifferentMode    DiscrepancyKind = "SANDBOX"            // of a test channel in live mode, or the reverse
	UnreadableThere  DiscrepancyKind = "UNREADABLE"         // listed, but no usable answer was to be had about it
)

// DiscrepancyKinds are all kinds.
func DiscrepancyKinds() []DiscrepancyKind {
	return []DiscrepancyKind{MissingHere, MissingAtGateway, DifferentAmount, DifferentCancel, DifferentOwner, DifferentMode, UnreadableThere}
}

// Discrepancy is one payment about which a reconciliation found the gateway and our books to disagree.
type Discrepancy struct {
	ReconciliationID string `gorm:"primaryKey"`
	Position         int64  `gorm:"primaryKey;autoIncrement:false"` // 1, 2, 3, … in each run
	ImpUID           string // empty for one that was unreadable there
	MerchantUID      string
	Kind             DiscrepancyKind
	Ours             string // what our books said before, for people; empty if nothing
	Theirs           string // what the gateway says; empty if nothing
	Repaired         bool   `gorm:"column:healed"` // they agree now
}

// TableName is the table's name in SQL.
func (Discrepancy) TableName() string { return "reconciliation_differences" }

// difference is what our books and p disagree about, nil books being none; empty when they agree. What the gateway says
// about a payment may be right and still be no good to us: then it is its Problem.
func compareToGateway(b *charge.LocalPayment, p charge.Payment) DiscrepancyKind {
	switch {
	case b == nil:
		return MissingHere
	case b.MerchantUID != p.MerchantUID:
		return DifferentOwner
	case b.Sandbox != p.Sandbox:
		return DifferentMode
	case b.Amount != p.Amount || b.Currency != p.Currency || b.DepositCount != len(p.Deposits):
		return DifferentAmount
	case b.Status != p.Status && (b.Status == charge.Ready || b.Status == charge.Failed):
		return MissingHere
	case b.CancelledAmount != p.CancelledAmount || b.Status != p.Status:
		return DifferentCancel
	case b.Decided:
		return ""
	case b.Problem != charge.NoProblem:
		return discrepancyOfProblem(b.Problem)
	case b.Charges == 0 && p.HoldsMoney():
		return MissingHere
	}
	return ""
}

// isUnresolvable is a payment that another look-up cannot help, and that the operator knows of by its problem: nobody opens an
// order for a payment that is made already.
func isUnresolvable(b *charge.LocalPayment) bool {
	return b != nil && b.Problem == charge.UnknownOrder
}

func discrepancyOfProblem(p charge.Problem) DiscrepancyKind {
	switch p {
	case charge.Accepted: // an operator has made the books agree
		return ""
	case charge.WrongMode:
		return DifferentMode
	case charge.UnknownOrder:
		return MissingHere
	case charge.WrongCurrency, charge.WrongAmount, charge.WrongDeposit:
		return DifferentAmount
	case charge.OrderAlreadyPaid, charge.AnotherUser:
		return DifferentOwner
	case charge.WrongCancellations:
		return DifferentCancel
	}
	return MissingAtGateway
}

// report keeps a difference with the run, once for each payment.
func (c *activeRun) report(ctx context.Context, d Discrepancy) error {
	if c.reported[d.ImpUID] {
		return nil
	}
	d.ReconciliationID, d.Position = c.record.ID, c.record.Repaired+c.record.Discrepancies+1
	err := database.Transact(ctx, c.db, func(tx *gorm.DB) error {
		return tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&d).Error
	})
	if err != nil {
		return fmt.Errorf("keep difference: %w", err)
	}
	c.reported[d.ImpUID] = d.ImpUID != ""
	if d.Repaired {
		c.record.Repaired++
	} else {
		c.record.Discrepancies++
	}
	return nil
}
