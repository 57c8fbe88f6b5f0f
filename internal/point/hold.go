package point

import (
	"fmt"

	"gorm.io/gorm"

	"pointcharge/internal/database"
)

// Share is points of each kind.
type Share struct{ Paid, Bonus int64 }

// Of returns the points of one kind.
func (s Share) Of(kind LotKind) int64 {
	if kind == LotBonus {
		return s.Bonus
	}
	return s.Paid
}

// Total returns the points of both kinds.
func (s Share) Total() int64 { return s.Paid + s.Bonus }

// Minus returns the points of each kind by which s exceeds other.
func (s Share) Minus(other Share) Share { return Share{s.Paid - other.Paid, s.Bonus - other.Bonus} }

// ExpiredPoints returns how many points of the lots have expired, by kind. An expiry that was
// undone does not count, even if its points repaid debt at once.
func ExpiredPoints(tx *gorm.DB, lots []Lot) (Share, error) {
	var ids []string
	for _, lot := range lots {
		ids = append(ids, lot.ID)
	}
	var sums []struct {
		Kind   LotKind
		Points int64
	}
	err := tx.Raw(`SELECT l.kind, CAST(SUM(u.amount) AS bigint) AS points FROM lot_uses u
			JOIN point_lots l ON l.id = u.lot_id
			JOIN point_transactions t ON t.id = u.transaction_id
			LEFT JOIN point_transactions undone ON undone.id = t.reverses_id
		WHERE u.lot_id IN ? AND u.reason <> 'DEBT' AND (t.kind = 'EXPIRE' OR undone.kind = 'EXPIRE') GROUP BY l.kind`, ids).Scan(&sums).Error
	var expired Share
	for _, sum := range sums {
		if sum.Kind == LotBonus {
			expired.Bonus = sum.Points
		} else {
			expired.Paid = sum.Points
		}
	}
	return expired, err
}

// HoldLots keeps the share of each kind, from the charge's lots of the kind, unspendable until
// ReleaseHold. The caller holds the wallet's lock and has checked that the lots have as many.
func HoldLots(tx *gorm.DB, lots []Lot, share Share) error {
	for _, lot := range lots {
		part := share.Of(lot.Kind)
		err := database.ExactlyOne(tx.Exec("UPDATE point_lots SET held = held + ? WHERE id = ? AND remaining - held >= ?", part, lot.ID, part))
		if err != nil {
			return fmt.Errorf("hold points: %w", err)
		}
	}
	return nil
}

// ReleaseHold makes held points of the payment's charge spendable again. The caller holds the
// wallet's lock.
func ReleaseHold(tx *gorm.DB, impUID string) error {
	return tx.Exec(`UPDATE point_lots SET held = 0 WHERE held > 0 AND transaction_id IN
		(SELECT id FROM point_transactions WHERE imp_uid = ? AND kind IN ('CHARGE', 'BONUS'))`, impUID).Error
}
