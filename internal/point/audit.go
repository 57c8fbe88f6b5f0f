package point

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// Finding is a row of the books that breaks an invariant.
type Finding struct {
	Invariant string
	Row       string // which row: a user, a payment's imp_uid or an order's merchant_uid
}

func (f Finding) String() string { return f.Invariant + ": " + f.Row }

// Audit (대사) proves the books: it returns every row that breaks an invariant, and nothing when they are
// right. It only reads. At most 100 rows are returned for each invariant.
func Audit(ctx context.Context, db *gorm.DB) ([]Finding, error) {
	var findings []Finding
	for _, check := range invariants() {
		var rows []string
		sql := "SELECT DISTINCT found FROM (" + check.broken + ") broken ORDER BY found LIMIT 100"
		if err := db.WithContext(ctx).Raw(sql).Scan(&rows).Error; err != nil {
			return nil, fmt.Errorf("audit %q: %w", check.name, err)
		}
		for _, row := range rows {
			findings = append(findings, Finding{Invariant: check.name, Row: row})
		}
	}
	return findings, nil
}

// invariant is a sentence about the books and the SQL that finds the rows for which it is false.
type invariant struct{ name, broken string }

func invariants() []invariant {
	return append(ledgerInvariants(), chargeInvariants()...)
}

func ledgerInvariants() []invariant {
	return []invariant{
		{"a wallet's balance is the sum of its lines, its seq their number", `
			SELECT w.user_id AS found FROM wallets w LEFT JOIN point_transactions t ON t.user_id = w.user_id
			GROUP BY w.user_id, w.balance, w.seq
			HAVING w.balance <> COALESCE(SUM(t.amount), 0) OR w.seq <> COUNT(t.id)`},
		{"a wallet's balance is what remains in its lots, less its debt", `
			SELECT w.user_id AS found FROM wallets w LEFT JOIN point_lots l ON l.user_id = w.user_id
			GROUP BY w.user_id, w.balance
			HAVING COALESCE(SUM(l.remaining), 0) <> CASE WHEN w.balance > 0 THEN w.balance ELSE 0 END`},
		{"balance_after follows from the line before, without a gap in seq", `
			SELECT user_id AS found FROM (
				SELECT user_id, seq, amount, balance_after,
					LAG(balance_after, 1, 0) OVER (PARTITION BY user_id ORDER BY seq) AS before,
					ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY seq) AS place
				FROM point_transactions) chain
			WHERE balance_after <> before + amount OR seq <> place`},
		{"every line's kind and sign agree", `
			SELECT id AS found FROM point_transactions
			WHERE (kind IN ('CHARGE', 'BONUS', 'SPEND_CANCEL') AND amount <= 0)
				OR (kind IN ('SPEND', 'CHARGE_CANCEL', 'EXPIRE') AND amount >= 0)`},
		{"every credit of a charge has one lot of its amount", `
			SELECT t.id AS found FROM point_transactions t LEFT JOIN point_lots l ON l.transaction_id = t.id
			WHERE t.kind IN ('CHARGE', 'BONUS')
			GROUP BY t.id, t.amount HAVING COUNT(l.id) <> 1 OR SUM(l.initial) <> t.amount`},
	}
}

func chargeInvariants() []invariant {
	return []invariant{
		{"one CHARGE line per payment", `
			SELECT imp_uid AS found FROM point_transactions WHERE kind = 'CHARGE'
			GROUP BY imp_uid HAVING COUNT(*) > 1`},
		{"one CHARGE line per order", `
			SELECT reference AS found FROM point_transactions WHERE kind = 'CHARGE'
			GROUP BY reference HAVING COUNT(*) > 1`},
		{"a CHARGE line has a paid KRW payment of exactly its order's price, in this database's mode", `
			SELECT t.id AS found FROM point_transactions t
				LEFT JOIN payments p ON p.imp_uid = t.imp_uid
				LEFT JOIN charge_orders o ON o.imp_uid = t.imp_uid AND o.merchant_uid = t.reference
				LEFT JOIN database_mode m ON m.id = 1
			WHERE t.kind = 'CHARGE' AND (p.imp_uid IS NULL OR o.imp_uid IS NULL
				OR p.status NOT IN ('paid', 'cancelled') OR p.currency <> 'KRW' OR p.amount <> o.price
				OR p.merchant_uid <> o.merchant_uid OR o.user_id <> t.user_id OR p.user_id <> t.user_id
				OR t.amount <> o.points OR p.sandbox <> (COALESCE(m.mode, 'sandbox') = 'sandbox'))`},
		{"a BONUS line is its order's bonus", `
			SELECT t.id AS found FROM point_transactions t
				LEFT JOIN charge_orders o ON o.imp_uid = t.imp_uid AND o.merchant_uid = t.reference
			WHERE t.kind = 'BONUS' AND (o.imp_uid IS NULL OR t.amount <> o.bonus_points)`},
		{"a paid order has its CHARGE line, and its BONUS line if it has a bonus", `
			SELECT o.merchant_uid AS found FROM charge_orders o
				LEFT JOIN point_transactions t ON t.imp_uid = o.imp_uid AND t.kind IN ('CHARGE', 'BONUS')
			WHERE o.imp_uid IS NOT NULL
			GROUP BY o.merchant_uid, o.bonus_points
			HAVING COUNT(t.id) <> CASE WHEN o.bonus_points > 0 THEN 2 ELSE 1 END`},
		{"a paid payment is credited or has a problem", `
			SELECT p.imp_uid AS found FROM payments p
				LEFT JOIN point_transactions t ON t.imp_uid = p.imp_uid AND t.kind = 'CHARGE'
			WHERE p.status = 'paid' AND p.problem = '' AND t.id IS NULL`},
	}
}
