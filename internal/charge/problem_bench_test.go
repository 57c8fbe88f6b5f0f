package charge_test

import (
	"os"
	"strconv"
	"testing"

	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/page"

	"gorm.io/gorm"

	"pointcharge/internal/database/databasetest"
)

// BenchmarkProblemCount counts, as every scrape of the metrics does, and reads a page of the
// problems, one in ten of 200,000 payments. It must cost nothing of the rest.
func BenchmarkProblemCount(b *testing.B) {
	for _, dialect := range []string{databasetest.SQLite, databasetest.Postgres} {
		b.Run(dialect, func(b *testing.B) {
			db := databasetest.New(b, dialect)
			fillPayments(b, db, benchPayments())
			s := domaintest.NewServices(db, nil)
			b.Run("count", func(b *testing.B) {
				for b.Loop() {
					if n, err := s.ProblemCount(b.Context()); err != nil || n == 0 {
						b.Fatalf("%d problems, %v", n, err)
					}
				}
			})
			b.Run("page", func(b *testing.B) {
				for b.Loop() {
					if _, err := s.ProblemPage(b.Context(), charge.ProblemFilter{}, page.Request{First: 20}); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("one payment", func(b *testing.B) {
				for b.Loop() {
					if _, err := s.LocalPayments(b.Context(), []string{"imp_100001"}); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// benchPayments is 200,000, or as many as BENCH_PAYMENTS says.
func benchPayments() int {
	if n, err := strconv.Atoi(os.Getenv("BENCH_PAYMENTS")); err == nil {
		return n
	}
	return 200_000
}

// fillPayments writes payments of which one in ten has a problem: half of those are foreign.
func fillPayments(t testing.TB, db *gorm.DB, n int) {
	t.Helper()
	limit, raw := "SET LOCAL statement_timeout = 0", "repeat('x', 300)"
	if db.Name() == databasetest.SQLite {
		limit, raw = "SELECT 0", "hex(zeroblob(150))"
	}
	err := db.Transaction(func(tx *gorm.DB) error {
		for _, sql := range []string{limit,
			`INSERT INTO payments (imp_uid, merchant_uid, user_id, status, amount, cancelled_amount, currency, pay_method, pg_provider,
				pg_tid, vbank_name, vbank_num, vbank_holder, sandbox, receipt_url, paid_at, problem, problem_state, raw, synced_at)
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ` + strconv.Itoa(n) + `)
			SELECT 'imp_' || i, 'order-' || i, 'minji', 'paid', 5000, CASE WHEN i % 20 = 0 THEN 1000 ELSE 0 END, 'KRW', 'card', 'p',
				'', '', '', '', TRUE, '', '2026-03-01 09:00:00+00:00', CASE WHEN i % 20 = 1 THEN 'AMOUNT' WHEN i % 20 = 2 THEN 'UNKNOWN_ORDER' ELSE '' END,
				CASE WHEN i % 20 = 1 THEN 'OPEN' WHEN i % 20 = 2 THEN 'FOREIGN' ELSE '' END, ` + raw + `,
				'2026-03-01 09:00:00+00:00' FROM n`,
			"ANALYZE"} {
			if err := tx.Exec(sql).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
