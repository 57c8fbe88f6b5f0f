package database_test

import (
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"pointcharge/internal/database"
	"pointcharge/internal/database/databasetest"
)

// booksOfVersion9 are a spend that was cancelled, and payments with and without a problem.
func booksOfVersion9() []string {
	payment := func(impUID, problem string) string {
		return `INSERT INTO payments (imp_uid, merchant_uid, user_id, status, amount, cancelled_amount, currency, pay_method, pg_provider, pg_tid,
			vbank_name, vbank_num, vbank_holder, sandbox, receipt_url, problem, raw, synced_at)
			VALUES ('` + impUID + "', 'o', 'minji', 'paid', 100, 0, 'KRW', 'card', '', '', '', '', '', true, '', '" + problem + "', '', '2026-01-01 00:00:00Z')"
	}
	line := func(id, seq, kind, amount, balance, reverses string) string {
		return `INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, reference, reverses_id, description, created_at, actor_id)
			VALUES ('` + id + "', 'minji', " + seq + ", '" + kind + "', " + amount + ", " + balance + ", '" + id + "', " + reverses + ", '', '2026-01-01 00:00:00Z', 'sora')"
	}
	return []string{
		payment("imp_1", "AMOUNT"), payment("imp_2", "AMOUNT"), payment("imp_3", "UNKNOWN_ORDER"), payment("imp_4", ""),
		"INSERT INTO wallets VALUES ('minji', 100, 3)",
		line("given", "1", "ADJUST", "100", "100", "NULL"), line("spent", "2", "SPEND", "-30", "70", "NULL"),
		line("back", "3", "SPEND_CANCEL", "30", "100", "'spent'"),
		`INSERT INTO point_lots (id, user_id, transaction_id, kind, initial, remaining, expires_at)
			VALUES ('lot', 'minji', 'given', 'PAID', 100, 100, '2030-01-01 00:00:00Z')`,
		"INSERT INTO lot_uses VALUES ('spent', 'lot', 'USE', 30), ('back', 'lot', 'RETURN', -30)",
	}
}

// TestMigrationsKeepTheLedgerAndCountProblems is about SQLite most of all, where migration 10
// writes the lines anew.
func TestMigrationsKeepTheLedgerAndCountProblems(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, url string) {
		db := databasetest.Open(t, url)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(database.MigrateFiles(t.Context(), db, filesBefore(t, db.Name(), "00010")))
		for _, sql := range booksOfVersion9() {
			must(db.Exec(sql).Error)
		}
		must(database.Migrate(t.Context(), db))
		wantSetting(t, db, "SELECT CAST(SUM(amount) AS text) FROM point_transactions", "100")
		wantSetting(t, db, "SELECT t.reverses_id FROM point_transactions t JOIN lot_uses u ON u.transaction_id = t.id WHERE u.reason = 'RETURN'", "spent")
		quiet := db.Session(&gorm.Session{Logger: logger.Discard})
		for _, sql := range []string{
			"UPDATE point_transactions SET amount = 1", "DELETE FROM point_transactions WHERE id = 'back'", "DELETE FROM lot_uses",
			"UPDATE lot_uses SET amount = 1 WHERE reason = 'USE'", "DELETE FROM wallets",
		} {
			if err := quiet.Exec(sql).Error; err == nil {
				t.Errorf("%s was accepted", sql)
			}
		}
		const counted = "SELECT CAST(COALESCE(SUM(payments), 0) AS text) FROM payment_problem_counts WHERE problem_state = "
		wantSetting(t, db, counted+"'OPEN'", "2")
		wantSetting(t, db, counted+"'FOREIGN'", "1")
		must(db.Exec("UPDATE payments SET problem_state = 'DECIDED' WHERE imp_uid IN ('imp_1', 'imp_3')").Error)
		must(db.Exec("UPDATE payments SET problem = 'DEPOSIT', problem_state = 'OPEN' WHERE imp_uid = 'imp_4'").Error)
		must(db.Exec("DELETE FROM payments WHERE imp_uid = 'imp_2'").Error)
		wantSetting(t, db, counted+"'OPEN'", "1")
		wantSetting(t, db, counted+"'DECIDED'", "2")
		wantSetting(t, db, counted+"'FOREIGN'", "0")
	})
}
