package point

import (
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// lotPart is a lot and how many of its points a line moves.
type lotPart struct {
	LotID  string `json:"lot_id"`
	Amount int64  `json:"amount"`
}

// partTable returns the SQL of a table v (lot_id, amount) made of parts, and its only parameter. A
// wallet may have 100,000 lots, more than a statement has parameters, so the parts travel as one
// JSON text.
func partTable(tx *gorm.DB, parts []lotPart) (sql, parameter string, err error) {
	text, err := json.Marshal(parts)
	if tx.Name() == "sqlite" {
		return "(SELECT value ->> 'lot_id' AS lot_id, value ->> 'amount' AS amount FROM json_each(?)) AS v", string(text), err
	}
	return "json_to_recordset(CAST(? AS json)) AS v (lot_id text, amount bigint)", string(text), err
}

// consumeLots takes the parts from their lots for line, in one UPDATE and one INSERT for any number
// of lots. Held points count last: only clawbacks take held points. The caller holds the wallet's
// lock.
func consumeLots(tx *gorm.DB, line Transaction, reason UseReason, parts []lotPart) error {
	return moveLots(tx, line, reason, parts, `UPDATE point_lots SET remaining = remaining - v.amount,
		held = CASE WHEN held > remaining - v.amount THEN remaining - v.amount ELSE held END
		FROM %s WHERE point_lots.id = v.lot_id AND remaining >= v.amount`, 1)
}

// refillLots gives the parts back to their lots for line. The caller holds the wallet's lock.
func refillLots(tx *gorm.DB, line Transaction, parts []lotPart) error {
	return moveLots(tx, line, Returned, parts, `UPDATE point_lots SET remaining = remaining + v.amount
		FROM %s WHERE point_lots.id = v.lot_id`, -1)
}

// moveLots runs update, with a %s for the parts, and writes each part as a signed use of the lot.
func moveLots(tx *gorm.DB, line Transaction, reason UseReason, parts []lotPart, update string, sign int) error {
	if len(parts) == 0 {
		return nil
	}
	table, parameter, err := partTable(tx, parts)
	if err != nil {
		return err
	}
	moved := tx.Exec(fmt.Sprintf(update, table), parameter)
	if moved.Error == nil && moved.RowsAffected != int64(len(parts)) {
		return fmt.Errorf("move points of %d lots: %d have as many", len(parts), moved.RowsAffected)
	}
	if moved.Error != nil {
		return fmt.Errorf("move points of lots: %w", moved.Error)
	}
	err = tx.Exec(`INSERT INTO lot_uses (transaction_id, lot_id, reason, amount)
		SELECT CAST(? AS text), v.lot_id, CAST(? AS text), v.amount * `+fmt.Sprint(sign)+` FROM `+table,
		line.ID, reason, parameter).Error
	if err != nil {
		return fmt.Errorf("write uses of lots: %w", err)
	}
	return nil
}

// Lots are read in pages that grow: most spends need the first few, some need all.
const (
	firstLotPage = 50
	maxLotPage   = 10_000
)

// findLots returns the lots for n points of line's user, in spendOrder, and how many points are
// missing. Held points, expired lots and the lots in skip are left out. The caller holds the
// wallet's lock.
func findLots(tx *gorm.DB, line Transaction, n int64, skip map[string]bool) (parts []lotPart, missing int64, err error) {
	var after *Lot
	for size := firstLotPage; n > 0; size = min(4*size, maxLotPage) {
		lots, err := readSpendableLots(tx, line.UserID, line.CreatedAt, after, size)
		if err != nil {
			return nil, 0, err
		}
		for _, lot := range lots {
			if part := min(lot.Remaining-lot.Held, n); part > 0 && !skip[lot.ID] {
				parts, n = append(parts, lotPart{lot.ID, part}), n-part
			}
		}
		if len(lots) < size {
			break
		}
		after = &lots[len(lots)-1]
	}
	return parts, n, nil
}

// readSpendableLots returns at most limit lots with spendable points, in spendOrder, after a given
// lot.
func readSpendableLots(tx *gorm.DB, userID string, now time.Time, after *Lot, limit int) ([]Lot, error) {
	q := tx.Select("id, kind, remaining, held, expires_at").
		Where("user_id = ? AND remaining > 0 AND remaining > held AND expires_at > ?", userID, now)
	if after != nil {
		q = q.Where("(expires_at, kind, id) > (?, ?, ?)", after.ExpiresAt, after.Kind, after.ID)
	}
	var lots []Lot
	if err := q.Order(spendOrder).Limit(limit).Find(&lots).Error; err != nil {
		return nil, fmt.Errorf("read lots: %w", err)
	}
	return lots, nil
}
