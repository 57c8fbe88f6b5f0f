package point_test

import (
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// lawless opens a database whose guards are gone, so that the books can be broken at all.
func lawless(t *testing.T, db *gorm.DB) *gorm.DB {
	t.Helper()
	statements := []string{"DROP TRIGGER point_transactions_append_only ON point_transactions",
		"ALTER TABLE point_transactions DROP CONSTRAINT point_transactions_sign",
		"ALTER TABLE point_transactions DROP CONSTRAINT point_transactions_user_id_kind_reference_key",
		"DROP INDEX point_transactions_one_charge", "DROP INDEX point_transactions_one_bonus"}
	if db.Name() == databasetest.SQLite {
		statements = []string{"DROP TRIGGER point_transactions_no_update", "DROP TRIGGER point_transactions_no_delete",
			"PRAGMA ignore_check_constraints = ON", "DROP INDEX point_transactions_one_charge",
			"DROP INDEX point_transactions_one_bonus"}
	}
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(1) // the pragma is the connection's
	for _, sql := range statements {
		if err := db.Exec(sql).Error; err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// TestAuditFindsWhatIsBroken breaks the books in one place at a time and wants that invariant named.
func TestAuditFindsWhatIsBroken(t *testing.T) {
	t.Parallel()
	const another = `INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, imp_uid, reference,
		description, created_at) SELECT 'copy', user_id, 9, kind, amount, balance_after, imp_uid, `
	cases := map[string]string{
		"UPDATE wallets SET balance = balance + 1":                                         "a wallet's balance is the sum of its lines, its seq their number",
		"UPDATE wallets SET seq = seq + 1":                                                 "a wallet's balance is the sum of its lines, its seq their number",
		"UPDATE point_lots SET remaining = remaining - 1 WHERE kind = 'PAID'":              "a wallet's balance is what remains in its lots, less its debt",
		"UPDATE point_transactions SET balance_after = balance_after + 1 WHERE seq = 1":    "balance_after follows from the line before, without a gap in seq",
		"UPDATE point_transactions SET seq = 7 WHERE seq = 2":                              "balance_after follows from the line before, without a gap in seq",
		"UPDATE point_transactions SET amount = -amount WHERE seq = 1":                     "every line's kind and sign agree",
		"UPDATE point_lots SET initial = initial + 1":                                      "every credit of a charge has one lot of its amount",
		another + "reference || 'x', '', created_at FROM point_transactions WHERE seq = 1": "one CHARGE line per payment",
		another + "reference || 'x', '', created_at FROM point_transactions WHERE seq = 2": "a paid order has its CHARGE line, and its BONUS line if it has a bonus",
		`INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, imp_uid, reference, description, created_at)
			SELECT 'copy', 'junho', 1, kind, amount, balance_after, imp_uid, reference, '', created_at
			FROM point_transactions WHERE seq = 1`: "one CHARGE line per order",
		"UPDATE payments SET amount = amount - 1":                                                    "a CHARGE line has a paid KRW payment of exactly its order's price, in this database's mode",
		"UPDATE payments SET currency = 'USD'":                                                       "a CHARGE line has a paid KRW payment of exactly its order's price, in this database's mode",
		"UPDATE payments SET status = 'failed'":                                                      "a CHARGE line has a paid KRW payment of exactly its order's price, in this database's mode",
		"UPDATE payments SET sandbox = NOT sandbox":                                                  "a CHARGE line has a paid KRW payment of exactly its order's price, in this database's mode",
		"UPDATE payments SET user_id = 'junho'":                                                      "a CHARGE line has a paid KRW payment of exactly its order's price, in this database's mode",
		"UPDATE charge_orders SET user_id = 'junho'":                                                 "a CHARGE line has a paid KRW payment of exactly its order's price, in this database's mode",
		"UPDATE charge_orders SET points = points + 1":                                               "a CHARGE line has a paid KRW payment of exactly its order's price, in this database's mode",
		"UPDATE charge_orders SET bonus_points = bonus_points + 1":                                   "a BONUS line is its order's bonus",
		"UPDATE charge_orders SET bonus_points = 0":                                                  "a paid order has its CHARGE line, and its BONUS line if it has a bonus",
		"DELETE FROM point_lots WHERE kind = 'BONUS'":                                                "every credit of a charge has one lot of its amount",
		"UPDATE payments SET status = 'paid', problem = '' WHERE problem <> ''":                      "a paid payment is credited or has a problem",
		"UPDATE point_transactions SET imp_uid = (SELECT imp_uid FROM payments WHERE problem <> '')": "a CHARGE line has a paid KRW payment of exactly its order's price, in this database's mode",
	}
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		w := newWorld(t, db, "sandbox")
		charged(w)
		_, err := w.Sync(t.Context(), w.pay(w.order("minji"), func(p *sandbox.Payment) { p.Amount = "1" }))
		w.must(err)
		w.must(db.Exec("INSERT INTO wallets VALUES ('junho', 0, 0)").Error)
		lawless(t, db)
		for sql, invariant := range cases {
			wantFinding(t, db, sql, invariant)
		}
	})
}

// wantFinding breaks the books in a transaction that it rolls back.
func wantFinding(t *testing.T, db *gorm.DB, sql, invariant string) {
	t.Helper()
	tx := db.Begin()
	defer tx.Rollback()
	if done := tx.Exec(sql); done.Error != nil || done.RowsAffected == 0 {
		t.Fatalf("%s: %d rows, %v", sql, done.RowsAffected, done.Error)
	}
	findings, err := point.Audit(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.Invariant == invariant {
			return
		}
	}
	t.Errorf("%s: found %v, not %q", sql, findings, invariant)
}
