package charge_test

import (
	"testing"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// another makes l a line that the database accepts: of a later payment and order.
func another(w *world, l point.Transaction) point.Transaction {
	order := w.OpenOrder("minji")
	impUID := w.Pay(order, domaintest.WithStatus(sandbox.Failed))
	_, err := w.Sync(w.Context(), domaintest.Webhook(), impUID)
	w.Must(err)
	l.ID, l.Seq, l.ImpUID, l.Reference = "another", 3, &impUID, &order.MerchantUID
	return l
}

// TestF4TheDatabaseItselfRefusesLines goes around the code: each line below differs in one thing
// from one that is accepted.
func TestF4TheDatabaseItselfRefusesLines(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		first := w.Charged()
		for name, edit := range map[string]func(*point.Transaction){
			"a second CHARGE line of a payment": func(l *point.Transaction) { l.ImpUID = first.ImpUID },
			"a second CHARGE line of an order":  func(l *point.Transaction) { l.Reference = first.Reference },
			"a second BONUS line of a payment":  func(l *point.Transaction) { l.Kind, l.ImpUID = point.KindBonus, first.ImpUID },
			"a place taken in the wallet":       func(l *point.Transaction) { l.Seq = first.Seq },
			"a CHARGE line without a payment":   func(l *point.Transaction) { l.ImpUID = nil },
			"a CHARGE line without an order":    func(l *point.Transaction) { l.Reference = nil },
			"a CHARGE line that takes":          func(l *point.Transaction) { l.Amount = -l.Amount },
			"a SPEND line that gives":           func(l *point.Transaction) { l.Kind = point.KindSpend },
			"a SPEND line into debt": func(l *point.Transaction) {
				l.Kind, l.Amount, l.BalanceAfter = point.KindSpend, -9999, -1
			},
			"an unknown kind":     func(l *point.Transaction) { l.Kind = "GIFT" },
			"an unknown payment":  func(l *point.Transaction) { l.ImpUID = new("imp_none") },
			"an unknown wallet":   func(l *point.Transaction) { l.UserID = "nobody" },
			"an id that is taken": func(l *point.Transaction) { l.ID = first.ID },
		} {
			line := another(w, first)
			edit(&line)
			if err := w.QuietDB().Create(&line).Error; err == nil {
				w.Errorf("%s was accepted", name)
			}
		}
	})
}

func TestF4TheDatabaseItselfRefusesChanges(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		for name, sql := range map[string]string{
			"a changed line":                 "UPDATE point_transactions SET amount = amount + 1",
			"a deleted line":                 "DELETE FROM point_transactions",
			"a lot below nothing":            "UPDATE point_lots SET remaining = -1",
			"a lot above its start":          "UPDATE point_lots SET remaining = initial + 1",
			"more cancelled than paid":       "UPDATE payments SET cancelled_amount = amount + 1",
			"a paid order without a payment": "UPDATE charge_orders SET imp_uid = NULL",
			"an open order with a payment":   "UPDATE charge_orders SET status = 'PENDING'",
			"an order number twice":          "INSERT INTO charge_orders SELECT * FROM charge_orders",
			"a status nobody knows":          "UPDATE charge_orders SET status = 'DONE'",
			"a payment twice":                "INSERT INTO payments SELECT * FROM payments",
			"a product for nothing":          "UPDATE charge_products SET price = 0",
			"a second mode":                  "INSERT INTO database_mode VALUES (2, 'live')",
		} {
			if err := w.QuietDB().Exec(sql).Error; err == nil {
				w.Errorf("%s was accepted", name)
			}
		}
	})
}

// TestF4TheDatabaseItselfRefusesALedgerOutOfOrder breaks each constraint of 00002_ledger.sql.
func TestF4TheDatabaseItselfRefusesALedgerOutOfOrder(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.MustSpend(600, "order-1")
		w.MustRefund(domaintest.ByAdmin(domaintest.RefundOf(credited, 1000, "r-1")))
		for name, sql := range map[string]string{
			"a changed use":               "UPDATE lot_uses SET amount = amount + 1",
			"a deleted use":               "DELETE FROM lot_uses",
			"a use twice":                 "INSERT INTO lot_uses SELECT * FROM lot_uses",
			"a use of nothing":            anotherUse("'USE', 0"),
			"a use that gives back":       anotherUse("'USE', -1"),
			"a return that takes":         anotherUse("'RETURN', 1"),
			"a debt that gives back":      anotherUse("'DEBT', -1"),
			"a use for fun":               anotherUse("'FUN', 1"),
			"a use of no lot":             "INSERT INTO lot_uses SELECT id, 'none', 'USE', 1 FROM point_transactions WHERE kind = 'CHARGE'",
			"a use by no line":            "INSERT INTO lot_uses SELECT 'none', MIN(id), 'USE', 1 FROM point_lots",
			"less than nothing held":      "UPDATE point_lots SET held = -1",
			"more held than there is":     "UPDATE point_lots SET held = remaining + 1",
			"a lot in place of none":      "UPDATE point_lots SET replaces_id = 'none'",
			"an adjustment by nobody":     anotherLine("'ADJUST', 1", "NULL", "NULL"),
			"a cancellation booked twice": anotherLine("'CHARGE_CANCEL', -1", "cancellation_id", "NULL"),
			"a cancellation kept twice":   "INSERT INTO payment_cancellations SELECT * FROM payment_cancellations",
			"a cancellation of nothing":   "UPDATE payment_cancellations SET amount = 0",
			"a cancellation of nobody's":  "UPDATE payment_cancellations SET imp_uid = 'none'",
			"a refund of nothing":         "UPDATE refunds SET amount = 0",
			"a refund of less before":     "UPDATE refunds SET cancelled_before = -1",
			"a refund in a strange state": "UPDATE refunds SET status = 'LOST', ended_at = NULL",
			"a refund done at no time":    "UPDATE refunds SET ended_at = NULL",
			"an open refund ended":        "UPDATE refunds SET status = 'HELD'",
			"a refund of nobody's":        "UPDATE refunds SET imp_uid = 'none'",
			"a reference refunded twice":  anotherRefund("reference, 'RELEASED', ended_at"),
		} {
			if err := w.QuietDB().Exec(sql).Error; err == nil {
				w.Errorf("%s was accepted", name)
			}
		}
	})
}

// anotherUse is a use of a charge's lot by its own line.
func anotherUse(values string) string {
	return "INSERT INTO lot_uses SELECT t.id, l.id, " + values +
		" FROM point_transactions t JOIN point_lots l ON l.transaction_id = t.id WHERE t.kind = 'CHARGE'"
}

// anotherLine copies a clawback's line.
func anotherLine(values, cancellation, operator string) string {
	return `INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, imp_uid, cancellation_id, actor_id, description,
		created_at) SELECT 'copy', user_id, 99, ` + values + ", 0, imp_uid, " + cancellation + ", " + operator +
		", '', created_at FROM point_transactions WHERE kind = 'CHARGE_CANCEL'"
}

// anotherRefund copies a refund.
func anotherRefund(values string) string {
	return `INSERT INTO refunds (id, imp_uid, user_id, reference, status, ended_at, amount, cancelled_before, reason, actor_id,
		created_at) SELECT id || 'x', imp_uid, user_id, ` + values + ", 1, 0, '', '', created_at FROM refunds"
}

func TestTheDatabaseItselfRefusesASecondOpenRefund(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.MustRefund(domaintest.RefundOf(w.Charged(), 1000, "r-1"))
		w.Must(w.DB.Exec(anotherRefund("'r-2', 'HELD', NULL")).Error)
		for _, status := range []string{"HELD", "ACCEPTED"} {
			sql := anotherRefund("'r-3', '" + status + "', NULL")
			if err := w.QuietDB().Exec(sql + " WHERE reference = 'r-1'").Error; err == nil {
				w.Errorf("a second one was %s", status)
			}
		}
	})
}

// TestLinesCannotBeReplaced goes around the triggers that guard UPDATE and DELETE.
func TestLinesCannotBeReplaced(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.MustSpend(600, "order-1")
		w.CancelAtConsole(*credited.ImpUID, 1000)
		statements := []string{"TRUNCATE point_transactions CASCADE", "TRUNCATE lot_uses"}
		if w.DB.Name() == databasetest.SQLite {
			statements = []string{"REPLACE INTO lot_uses SELECT * FROM lot_uses",
				replace("id, user_id, 99, 'SPEND', -1, 0, NULL, NULL, 'x'", "SPEND"),
				replace("'x', user_id, seq, 'SPEND', -1, 0, NULL, NULL, 'x'", "SPEND"),
				replace("'x', user_id, 99, 'SPEND', -1, 0, NULL, NULL, reference", "SPEND"),
				replace("'x', user_id, 99, kind, 1, 1, imp_uid, NULL, 'x'", "CHARGE"),
				replace("'x', user_id, 99, kind, 1, 1, imp_uid, NULL, 'x'", "BONUS"),
				replace("'x', user_id, 99, kind, -1, 0, imp_uid, cancellation_id, 'x'", "CHARGE_CANCEL")}
		}
		for _, sql := range statements {
			if err := w.QuietDB().Exec(sql).Error; err == nil {
				w.Errorf("%s was accepted", sql)
			}
		}
	})
}

// replace writes a line in the place of another, as SQLite can.
func replace(values, kind string) string {
	return `INSERT OR REPLACE INTO point_transactions (id, user_id, seq, kind, amount, balance_after, imp_uid, cancellation_id, reference,
		description, created_at) SELECT ` + values + ", '', created_at FROM point_transactions WHERE kind = '" + kind + "'"
}
