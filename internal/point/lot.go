package point

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database"
)

// LotKind tells paid points from bonus points.
type LotKind string

// The kinds of lots.
const (
	LotPaid  LotKind = "PAID"
	LotBonus LotKind = "BONUS"
)

// Lot (적립 묶음) is the points of one credit, which expire together.
type Lot struct {
	ID             string `gorm:"primaryKey"`
	UserID         string
	TransactionID  string // the credit
	Kind           LotKind
	Initial        int64 // points
	Remaining      int64
	Held           int64 // of the remaining: by a refund under way
	ExpiresAt      time.Time
	FirstExpiresAt *time.Time // ExpiresAt before an operator undid the lot's expiry
	ReplacesID     *string    // the original lot of returned points
}

// TableName is the table's name in SQL.
func (Lot) TableName() string { return "point_lots" }

// Spendable returns the lot's spendable points at the given time: points neither held by a refund
// nor expired.
func (l Lot) Spendable(now time.Time) int64 {
	if !l.ExpiresAt.After(now) {
		return 0
	}
	return l.Remaining - l.Held
}

// LotUse records points that a line took from a lot, or gave back.
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
	Returned UseReason = "RETURN" // given back by a line that undoes another
	Repaid   UseReason = "DEBT"   // debt repaid by a credit, from the credit's lot
)

// spendOrder is how points are used up: the soonest expiry first, bonus before paid (so says the
// alphabet), then the oldest. The index point_lots_spendable has this order.
const spendOrder = "expires_at, kind, id"

// Credit writes a credit: the line and its lot. The credit repays debt first.
func Credit(tx *gorm.DB, line *Transaction, kind LotKind, life Lifetime) error {
	if err := appendLine(tx, line); err != nil {
		return err
	}
	lot := Lot{UserID: line.UserID, TransactionID: line.ID, Kind: kind, Initial: line.Amount, Remaining: line.Amount,
		ExpiresAt: life.From(line.CreatedAt)}
	if err := insertLots(tx, []*Lot{&lot}); err != nil {
		return err
	}
	if owed := line.debtRepaid(); owed > 0 {
		return consumeLots(tx, *line, Repaid, []lotPart{{lot.ID, owed}})
	}
	return nil
}

// maxLotsPerInsert keeps a statement below the number of parameters of both databases.
const maxLotsPerInsert = 1000

// insertLots writes new lots and fills in the ids, in the order of the slice.
func insertLots(tx *gorm.DB, lots []*Lot) (err error) {
	if len(lots) == 0 {
		return nil
	}
	for _, lot := range lots {
		if lot.ID, err = database.NewID(); err != nil {
			return err
		}
	}
	if err := tx.CreateInBatches(lots, maxLotsPerInsert).Error; err != nil {
		return fmt.Errorf("write lots: %w", err)
	}
	return nil
}
