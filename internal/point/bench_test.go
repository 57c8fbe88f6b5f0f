package point_test

import (
	"fmt"
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/page"
	"pointcharge/internal/point"
)

// BenchmarkTransactionsPage reads a page from the newest line and from the middle, in wallets of
// a thousand and of a million lines. The times must not differ by more than half: a page costs
// its own rows only.
func BenchmarkTransactionsPage(b *testing.B) {
	for _, dialect := range []string{databasetest.SQLite, databasetest.Postgres} {
		for _, lines := range []int64{1_000, 1_000_000} {
			db := databasetest.New(b, dialect)
			fill(b, db, lines)
			s := point.New(db)
			for name, page := range map[string]page.Request{"newest": {First: 20}, "middle": {First: 20, After: middle(b, db, lines)}} {
				b.Run(fmt.Sprintf("%s/%s/%d", dialect, name, lines), func(b *testing.B) {
					for b.Loop() {
						read(b, s, page)
					}
				})
			}
		}
	}
}

func read(b *testing.B, s *point.Service, page page.Request) point.TransactionConnection {
	b.Helper()
	c, err := s.Transactions(b.Context(), "minji", page, nil)
	if err != nil || len(c.Edges) != page.First {
		b.Fatalf("read %d lines, %v", len(c.Edges), err)
	}
	return c
}

// middle is a cursor to the middle of the list. Only here it is known how cursors are made: by
// the number.
func middle(b *testing.B, db *gorm.DB, lines int64) *string {
	b.Helper()
	var at point.Transaction
	if err := db.Where("user_id = 'minji' AND seq = ?", lines/2).Take(&at).Error; err != nil {
		b.Fatal(err)
	}
	cursor := point.Cursor(at)
	return &cursor
}

// fill gives minji so many lines, in one statement.
func fill(b *testing.B, db *gorm.DB, lines int64) {
	b.Helper()
	limit := "SET LOCAL statement_timeout = 0" // no query of the server's is as long as this
	if db.Name() == databasetest.SQLite {
		limit = "SELECT 0"
	}
	err := db.Transaction(func(tx *gorm.DB) error {
		for _, sql := range []string{limit, "INSERT INTO wallets VALUES ('minji', 0, 0)",
			`INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, operator, reference, description, created_at)
				WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ` + fmt.Sprint(lines) + `)
				SELECT 'line-' || i, 'minji', i, 'ADJUST', 1, i, 'sora', 'r-' || i, '', '2026-03-01 09:00:00+00:00' FROM n`,
			"ANALYZE"} {
			if err := tx.Exec(sql).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
