package charge_test

import (
	"maps"
	"slices"
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/audit"
	"pointcharge/internal/charge"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// lawless opens a database whose guards are gone, so that the books can be broken at all.
func lawless(t *testing.T, db *gorm.DB) *gorm.DB {
	t.Helper()
	statements := []string{"DROP TRIGGER point_transactions_append_only ON point_transactions",
		"DROP TRIGGER lot_uses_append_only ON lot_uses",
		"ALTER TABLE point_transactions DROP CONSTRAINT point_transactions_sign",
		"DROP INDEX point_transactions_one_reference",
		"DROP INDEX point_transactions_one_charge", "DROP INDEX point_transactions_one_bonus"}
	if db.Name() == databasetest.SQLite {
		statements = []string{"DROP TRIGGER point_transactions_no_update", "DROP TRIGGER point_transactions_no_delete",
			"DROP TRIGGER point_transactions_no_replace", "DROP TRIGGER lot_uses_no_update", "DROP TRIGGER lot_uses_no_delete",
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

// damages are ways to break the books, and the invariant that each breaks among others.
func damages() map[string]string {
	all := bookDamages()
	maps.Copy(all, problemDamages())
	return all
}

func bookDamages() map[string]string {
	const (
		another = `INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, imp_uid, reference,
			description, created_at) SELECT 'copy', user_id, 99, kind, amount, balance_after, imp_uid, `
		balance   = "a wallet's balance is the sum of its lines, its seq their number"
		remains   = "a wallet's balance is what remains in its lots, less its debt"
		chain     = "balance_after follows from the line before, without a gap in seq"
		credit    = "every credit has lots of its amount, or gave it back to some"
		debit     = "every debit took its amount from lots; only what takes points back may find less"
		oneUser   = "a lot, its uses and their lines are of one user"
		oneCharge = "one CHARGE line per payment"
		paidFor   = "a CHARGE line has a paid KRW payment of exactly its order's price, in this database's mode"
		bonus     = "a paid order has its CHARGE line, and its BONUS line if it has a bonus"
		addUp     = "the cancellations in the books add up to the payment's cancelled amount"
		clawed    = "clawed back are the points of what was cancelled, less those that had expired"
		shares    = "each kind gives back its share of what was cancelled"
		follows   = "a paid order's status follows what was cancelled of its payment"
	)
	return map[string]string{
		"UPDATE wallets SET balance = balance + 1":                                                            balance,
		"UPDATE wallets SET seq = seq + 1":                                                                    balance,
		"UPDATE point_lots SET remaining = remaining - 1 WHERE remaining > 0":                                 remains,
		"UPDATE point_transactions SET balance_after = balance_after + 1 WHERE seq = 1":                       chain,
		"UPDATE point_transactions SET seq = 99 WHERE seq = 2":                                                chain,
		"UPDATE point_transactions SET amount = -amount WHERE seq = 1":                                        "every line's kind and sign agree",
		"UPDATE point_transactions SET amount = -amount WHERE kind = 'SPEND'":                                 "every line's kind and sign agree",
		"UPDATE point_lots SET initial = initial + 1":                                                         credit,
		"UPDATE lot_uses SET amount = amount - 1 WHERE reason = 'RETURN'":                                     credit,
		"DELETE FROM lot_uses WHERE reason = 'USE'":                                                           debit,
		"UPDATE lot_uses SET amount = amount + 9999 WHERE reason = 'USE'":                                     debit,
		"UPDATE lot_uses SET amount = amount + 1":                                                             "a lot has what its uses left of it",
		"UPDATE point_lots SET expires_at = (SELECT MIN(created_at) FROM point_transactions)":                 "no lot is spent after it expired",
		"UPDATE point_lots SET expires_at = '2090-01-01 00:00:00+00:00'":                                      "no lot expires before its time",
		"UPDATE point_lots SET user_id = 'junho'":                                                             oneUser,
		"UPDATE point_transactions SET user_id = 'junho' WHERE kind = 'EXPIRE'":                               oneUser,
		"UPDATE point_lots SET held = 1 WHERE remaining > 0":                                                  "points are held only by a refund under way",
		"UPDATE point_transactions SET amount = 9999 WHERE kind = 'SPEND_CANCEL'":                             "a spend is never cancelled beyond its amount",
		"UPDATE point_transactions SET actor_kind = 'USER' WHERE kind = 'ADJUST_CANCEL'":                      "an undone line is undone once, by its own kind, by an operator",
		"UPDATE point_transactions SET amount = amount - 1 WHERE kind = 'ADJUST_CANCEL'":                      "what is undone is the whole line, less what has expired of an adjustment",
		"UPDATE point_transactions SET actor_kind = 'USER' WHERE kind = 'CLAWBACK'":                           "a clawback by hand is an operator's, and of the user's own charge if it names one",
		"UPDATE point_transactions SET service = 'shop' WHERE kind = 'SPEND'":                                 "a reference is a service's own only if a service wrote the line",
		"UPDATE payments SET cancelled_amount = cancelled_amount + 1 WHERE cancelled_amount > 0":              addUp,
		"UPDATE payment_cancellations SET amount = amount + 1":                                                addUp,
		"UPDATE payments SET cancelled_amount = 1, problem = 'MISSING_AT_GATEWAY' WHERE cancelled_amount > 1": addUp,
		"UPDATE payment_cancellations SET amount = amount + 100":                                              shares,
		"UPDATE payment_cancellations SET points = points - 1, bonus_points = bonus_points + 1":               shares,
		"UPDATE payment_cancellations SET expired_points = 1":                                                 "points that expired stand for a cancellation once",
		"UPDATE payment_cancellations SET expired_bonus_points = 1":                                           clawed,
		"UPDATE point_transactions SET amount = amount + 1 WHERE kind = 'CHARGE_CANCEL'":                      clawed,
		"UPDATE point_transactions SET cancellation_id = 'x' WHERE kind = 'CHARGE_CANCEL'":                    "a CHARGE_CANCEL line has its cancellation",
		`INSERT INTO refunds (id, imp_uid, user_id, reference, amount, cancelled_before, reason, actor_id, status, created_at, ended_at, actor_kind) SELECT 'copy', imp_uid, user_id, 'r-1', 5000, 0, '', user_id, 'DONE', created_at, created_at, 'ADMIN'
			FROM point_transactions WHERE seq = 1`: "a refund that is done was cancelled at the gateway, unless an operator decided so",
		"UPDATE charge_orders SET status = 'PAID' WHERE status = 'PARTIALLY_CANCELLED'":      follows,
		"UPDATE charge_orders SET status = 'CANCELLED' WHERE status = 'PARTIALLY_CANCELLED'": follows,
		"UPDATE charge_orders SET status = 'PARTIALLY_CANCELLED' WHERE status = 'PAID'":      follows,
		another + "reference || 'x', '', created_at FROM point_transactions WHERE seq = 1":   oneCharge,
		another + "reference || 'x', '', created_at FROM point_transactions WHERE seq = 2":   bonus,
		`INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, imp_uid, reference, description, created_at)
			SELECT 'copy', 'junho', 1, kind, amount, balance_after, imp_uid, reference, '', created_at
			FROM point_transactions WHERE seq = 1`: "one CHARGE line per order",
		"UPDATE payments SET amount = amount - 1":      paidFor,
		"UPDATE payments SET currency = 'USD'":         paidFor,
		"UPDATE payments SET status = 'failed'":        paidFor,
		"UPDATE payments SET sandbox = NOT sandbox":    paidFor,
		"UPDATE payments SET user_id = 'junho'":        paidFor,
		"UPDATE charge_orders SET user_id = 'junho'":   paidFor,
		"UPDATE charge_orders SET points = points + 1": paidFor,
		"UPDATE point_transactions SET imp_uid = (SELECT MIN(imp_uid) FROM payments WHERE problem <> '') WHERE kind = 'CHARGE'": paidFor,
		"UPDATE charge_orders SET bonus_points = bonus_points + 1":                                                              "a BONUS line is its order's bonus",
		"UPDATE charge_orders SET accepted_imp_uid = 'imp_0' WHERE imp_uid IS NOT NULL":                                         "what an operator accepted has its ADJUST line",
		`INSERT INTO point_transactions SELECT 'copy', user_id, 99, 'ADJUST', amount, balance_after, imp_uid, cancellation_id,
			reference, reverses_id, description, created_at, 'sora', 'ADMIN', '' FROM point_transactions WHERE seq = 1`: "no payment is credited and accepted by hand",
		"INSERT INTO refunds (id, imp_uid, user_id, reference, amount, cancelled_before, reason, actor_id, status, created_at, ended_at, actor_kind) SELECT 'copy', imp_uid, 'minji', 'r-1', 1, 0, '', 'sora', 'HELD', created_at, NULL, 'ADMIN' FROM resolutions": "no payment is accepted by hand while or after it is given back",
		"UPDATE charge_orders SET bonus_points = 0": bonus,
	}
}

// problemDamages are those of what operators look at.
func problemDamages() map[string]string {
	const credited = "a paid payment is credited or has a problem"
	return map[string]string{
		"UPDATE payments SET problem_state = '' WHERE problem = 'AMOUNT'":                                  "a problem has a state, and only a problem does",
		"UPDATE payments SET accepted_deposit_count = 1 WHERE problem = 'ACCEPTED'":                        "a payment that was accepted by hand says so, and no other",
		"UPDATE payment_problem_counts SET payments = payments + 1":                                        "the counts of problems are right",
		"UPDATE payments SET status = 'paid', problem = '' WHERE problem <> ''":                            credited,
		"UPDATE payments SET status = 'cancelled', cancelled_amount = 1, problem = '' WHERE problem <> ''": credited,
	}
}

// TestAuditFindsWhatIsBroken breaks the books in one place at a time and wants that invariant
// named.
func TestAuditFindsWhatIsBroken(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		w := newWorld(t, db, "sandbox")
		eventful(w)
		lawless(t, db)
		for sql, invariant := range damages() {
			wantFinding(t, db, sql, invariant)
		}
	})
}

// eventful has some of everything: two charges, a spend cancelled in part, an adjustment that was
// undone, an expiry, clawbacks, a payment that does not fit, and one that was accepted all the
// same.
func eventful(w *world) {
	w.Helper()
	clock, credited := w.Expiring()
	w.Charged()
	w.MustSpend(1200, "order-1")
	_, err := w.GiveBack("order-1", 300, "c-1")
	w.Must(err)
	_, err = w.ReverseAdjustment(w.Context(), point.ReverseAdjustmentInput{TransactionID: w.Give(300, "ticket-1").ID, Reason: "착오",
		Actor: domaintest.Sora()})
	w.Must(err)
	_, err = w.RecordClawback(w.Context(), point.ClawbackInput{UserID: "minji", Amount: 10, TransactionID: credited.ID, Reference: "ticket-2",
		Reason: "계좌로 환불", Actor: domaintest.Sora()})
	w.Must(err)
	w.Give(300, "ticket-3") // expires
	clock.Pass(10 * domaintest.Day)
	w.ExpireDue(10)
	w.CancelAtConsole(*credited.ImpUID, 1000)
	w.MustSync(w.Pay(w.OpenOrder("minji"), func(p *sandbox.Payment) { p.Amount = "10" }))
	accepted, _ := w.Mispaid()
	w.MustResolve(domaintest.Decision(accepted, charge.Accept))
	w.Must(w.DB.Exec("INSERT INTO wallets VALUES ('junho', 0, 0)").Error)
}

func TestEveryInvariantIsShownToFindItsDamage(t *testing.T) {
	t.Parallel()
	shown := slices.Collect(maps.Values(damages()))
	for _, invariant := range domaintest.Invariants() {
		if !slices.Contains(shown, invariant.Name) {
			t.Errorf("nothing is broken to show: %s", invariant.Name)
		}
	}
}

// wantFinding breaks the books in a transaction that it rolls back.
func wantFinding(t *testing.T, db *gorm.DB, sql, invariant string) {
	t.Helper()
	tx := db.Begin()
	defer tx.Rollback()
	if done := tx.Exec(sql); done.Error != nil || done.RowsAffected == 0 {
		t.Fatalf("%s: %d rows, %v", sql, done.RowsAffected, done.Error)
	}
	findings, err := audit.Run(t.Context(), tx, domaintest.Invariants())
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
