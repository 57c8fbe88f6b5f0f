package point

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
)

// maxBatch is how many ids one batch may name.
const maxBatch = 1000

// LinesByID returns the lines with the given ids, of any user, in one statement: for the references
// of lines that the caller may read already. Unknown ids are not in the map. More than 1,000 ids
// are refused.
func (s *Service) LinesByID(ctx context.Context, ids []string) (map[string]Transaction, error) {
	return readByID(ctx, s.db, ids, func(t Transaction) string { return t.ID })
}

// LotsByID returns the lots with the given ids, as LinesByID does.
func (s *Service) LotsByID(ctx context.Context, ids []string) (map[string]Lot, error) {
	return readByID(ctx, s.db, ids, func(l Lot) string { return l.ID })
}

func readByID[T any](ctx context.Context, db *gorm.DB, ids []string, idOf func(T) string) (map[string]T, error) {
	found := make(map[string]T, len(ids))
	if err := checkBatch(ids); err != nil || len(ids) == 0 {
		return found, err
	}
	rows, err := gorm.G[T](db).Where("id IN ?", ids).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read %T by id: %w", *new(T), err)
	}
	for _, row := range rows {
		found[idOf(row)] = row
	}
	return found, nil
}

// UsesOfLines returns at most limit (1 to 50) first uses of each line, in one statement. More than
// 1,000 ids are refused.
func (s *Service) UsesOfLines(ctx context.Context, lineIDs []string, limit int) (map[string][]LotUse, error) {
	return s.readUses(ctx, "transaction_id", usesOfLineOrder, lineIDs, limit, func(u LotUse) string { return u.TransactionID })
}

// UsesOfLots returns the first uses of each lot, as UsesOfLines does.
func (s *Service) UsesOfLots(ctx context.Context, lotIDs []string, limit int) (map[string][]LotUse, error) {
	return s.readUses(ctx, "lot_id", usesOfLotOrder, lotIDs, limit, func(u LotUse) string { return u.LotID })
}

// The orders of uses are those of the indexes.
const (
	usesOfLineOrder = "lot_id, reason"
	usesOfLotOrder  = "transaction_id, reason"
)

func (s *Service) readUses(ctx context.Context, column, order string, ids []string, limit int, idOf func(LotUse) string) (map[string][]LotUse, error) {
	uses := make(map[string][]LotUse, len(ids))
	if limit < 1 || limit > maxList {
		return nil, apierror.Invalid("limit", "limit must be from 1 to %d.", maxList)
	}
	if err := checkBatch(ids); err != nil || len(ids) == 0 {
		return uses, err
	}
	text, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	var rows []LotUse
	if err := s.db.WithContext(ctx).Raw(usesQuery(s.db.Name(), column, order), string(text), limit).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("read lot uses: %w", err)
	}
	for _, use := range rows {
		uses[idOf(use)] = append(uses[idOf(use)], use)
	}
	return uses, nil
}

// usesQuery reads the first uses of each id. A much-used lot has 100,000 uses: PostgreSQL finds the
// first keys of each id in the index alone, and reads only their rows. As in Lots, a range of one
// id leaves PostgreSQL no other index. SQLite has no LATERAL and numbers all uses.
func usesQuery(dialect, column, order string) string {
	if dialect == "sqlite" {
		return `SELECT transaction_id, lot_id, reason, amount FROM (
			SELECT *, ROW_NUMBER() OVER (PARTITION BY ` + column + ` ORDER BY ` + order + `) AS place FROM lot_uses
			WHERE ` + column + ` IN (SELECT value FROM json_each(?))) numbered WHERE place <= ? ORDER BY ` + column + ", " + order
	}
	return `SELECT lot_uses.* FROM (SELECT DISTINCT id FROM json_array_elements_text(CAST(? AS json)) AS given (id)) ids
		CROSS JOIN LATERAL (SELECT transaction_id AS t, lot_id AS l, reason AS r FROM lot_uses
			WHERE ` + column + ` BETWEEN ids.id AND ids.id ORDER BY ` + column + ", " + order + ` LIMIT ?) first
		CROSS JOIN LATERAL (SELECT * FROM lot_uses
			WHERE transaction_id = first.t AND lot_id = first.l AND reason = first.r LIMIT 1) lot_uses ORDER BY ` + column + ", " + order
}

func checkBatch(ids []string) error {
	if len(ids) > maxBatch {
		return apierror.Invalid("ids", "ids are at most %d.", maxBatch)
	}
	return nil
}
