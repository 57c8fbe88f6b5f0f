package point

import (
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database"
)

// ClawBack (회수) writes a CHARGE_CANCEL line and takes its points: from the lots of its payment's charge, the bonus
// first, then from the user's other lots in the order of spending. What they do not have becomes debt. The caller
// holds the wallet's lock and has expired what was due.
func ClawBack(tx *gorm.DB, line *Transaction) error {
	if err := appendLine(tx, line); err != nil {
		return err
	}
	there, err := lotsToClawBack(tx, *line)
	if err != nil {
		return err
	}
	for i, part := range allocate(there, -line.Amount) {
		if part > 0 {
			if err := consumeLot(tx, *line, there[i], Used, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// allocate shares n points among the lots in their order: what a refund holds comes last, because that refund's own
// cancellation will want it. What the lots do not have is left out: it becomes debt.
func allocate(lots []Lot, n int64) []int64 {
	parts := make([]int64, len(lots))
	for i, lot := range lots {
		parts[i] = min(lot.Remaining-lot.Held, n)
		n -= parts[i]
	}
	for i, lot := range lots {
		held := min(lot.Held, n)
		parts[i] += held
		n -= held
	}
	return parts
}

// lotsToClawBack are the user's lots in the order in which a clawback takes from them.
func lotsToClawBack(tx *gorm.DB, line Transaction) ([]Lot, error) {
	own, err := ChargeLots(tx, *line.ImpUID)
	if err != nil {
		return nil, err
	}
	others, err := readLots(tx, line.UserID)
	if err != nil {
		return nil, err
	}
	others = slices.DeleteFunc(others, func(l Lot) bool {
		return slices.ContainsFunc(own, func(mine Lot) bool { return mine.ID == l.ID })
	})
	return append(own, others...), nil
}

// ChargeLots are the lots of a charge, the bonus first.
func ChargeLots(tx *gorm.DB, impUID string) ([]Lot, error) {
	var own []Lot
	err := tx.Where(`transaction_id IN (SELECT id FROM point_transactions
		WHERE imp_uid = ? AND kind IN ('CHARGE', 'BONUS'))`, impUID).Order("kind").Find(&own).Error
	if err != nil {
		return nil, fmt.Errorf("read the charge's lots: %w", err)
	}
	return own, nil
}

// HoldLots keeps points of the lots, in their order, from being spent until ReleaseHold. The caller holds the
// wallet's lock and has made sure that the lots have as many.
func HoldLots(tx *gorm.DB, lots []Lot, points int64, now time.Time) error {
	for _, lot := range lots {
		part := min(lot.Spendable(now), points)
		points -= part
		err := database.ExactlyOne(tx.Exec("UPDATE point_lots SET held = held + ? WHERE id = ? AND remaining - held >= ?", part, lot.ID, part))
		if err != nil {
			return fmt.Errorf("hold points: %w", err)
		}
	}
	return nil
}

// ReleaseHold lets go of what is held of the lots of the payment's charge. The caller holds the wallet's lock.
func ReleaseHold(tx *gorm.DB, impUID string) error {
	return tx.Exec(`UPDATE point_lots SET held = 0 WHERE held > 0 AND transaction_id IN
		(SELECT id FROM point_transactions WHERE imp_uid = ? AND kind IN ('CHARGE', 'BONUS'))`, impUID).Error
}
