package point_test

import (
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// charged opens and charges an order of minji's.
func charged(w *world) point.Transaction {
	w.Helper()
	line, err := w.Charge(w.Context(), "minji", w.pay(w.order("minji")))
	w.must(err)
	return line
}

// quiet is the database for statements that are meant to fail.
func (w *world) quiet() *gorm.DB {
	return w.DB.Session(&gorm.Session{Logger: logger.Discard})
}

// another makes l a line that the database accepts: of a later payment and order.
func another(w *world, l point.Transaction) point.Transaction {
	order := w.order("minji")
	impUID := w.pay(order, status(sandbox.Failed))
	_, err := w.Sync(w.Context(), impUID)
	w.must(err)
	l.ID, l.Seq, l.ImpUID, l.Reference = "another", 3, &impUID, &order.MerchantUID
	return l
}

// TestF4TheDatabaseItselfRefusesLines goes around the code: each line below differs in one thing from one
// that is accepted.
func TestF4TheDatabaseItselfRefusesLines(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		first := charged(w)
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
			if err := w.quiet().Create(&line).Error; err == nil {
				w.Errorf("%s was accepted", name)
			}
		}
	})
}

func TestF4TheDatabaseItselfRefusesChanges(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
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
			if err := w.quiet().Exec(sql).Error; err == nil {
				w.Errorf("%s was accepted", name)
			}
		}
	})
}
