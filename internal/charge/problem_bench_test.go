package charge_test

import (
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
)

// BenchmarkProblemCount counts, as every scrape of the metrics does, the twenty problems among 200,000 payments, of which
// one in twenty is cancelled and ten were accepted by hand. It must cost nothing of the rest.
func BenchmarkProblemCount(b *testing.B) {
	for _, dialect := range []string{databasetest.SQLite, databasetest.Postgres} {
		b.Run(dialect, func(b *testing.B) {
			db := databasetest.New(b, dialect)
			fillPayments(b, db)
			s := domaintest.NewServices(db, nil)
			for b.Loop() {
				if n, err := s.ProblemCount(b.Context()); err != nil || n != 20 {
					b.Fatalf("%d problems, %v", n, err)
				}
			}
		})
	}
}

func fillPayments(b *testing.B, db *gorm.DB) {
	b.Helper()
	limit, raw := "SET LOCAL statement_timeout = 0", "repeat('x', 1500)"
	if db.Name() == databasetest.SQLite {
		limit, raw = "SELECT 0", "hex(zeroblob(750))"
	}
	err := db.Transaction(func(tx *gorm.DB) error {
		for _, sql := range []string{limit,
			`INSERT INTO payments (imp_uid, merchant_uid, user_id, status, amount, cancelled_amount, currency, pay_method, pg_provider,
				pg_tid, vbank_name, vbank_num, vbank_holder, sandbox, receipt_url, problem, raw, synced_at)
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
			SELECT 'imp_' || i, 'order-' || i, 'minji', 'paid', 5000, CASE WHEN i % 20 = 0 THEN 1000 ELSE 0 END, 'KRW', 'card', 'p',
				'', '', '', '', TRUE, '', CASE WHEN i % 10000 = 1 THEN 'AMOUNT' WHEN i % 20000 = 2 THEN 'ACCEPTED' ELSE '' END, ` + raw + `,
				'2026-03-01 09:00:00+00:00' FROM n`,
			"INSERT INTO wallets VALUES ('minji', 0, 0)",
			`INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, operator, reference, description, created_at)
				SELECT imp_uid, 'minji', ROW_NUMBER() OVER (), 'ADJUST', 1, ROW_NUMBER() OVER (), 'sora', imp_uid, '', synced_at
				FROM payments WHERE problem = 'ACCEPTED'`,
			`INSERT INTO resolutions (id, imp_uid, problem, cancelled_amount, action, reason, operator, transaction_id, created_at)
				SELECT imp_uid, imp_uid, 'AMOUNT', 0, 'ACCEPT', 'r', 'sora', imp_uid, synced_at FROM payments WHERE problem = 'ACCEPTED'`,
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
