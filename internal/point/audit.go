package point

import (
	"context"
	"fmt"
	"slices"

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
	if db.Name() != "postgres" {
		return audit(db.WithContext(ctx)) // on SQLite a transaction would keep writers out
	}
	var findings []Finding
	err := db.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
		// The books of years take longer to read than a request may.
		if err = tx.Exec("SET LOCAL statement_timeout = 0").Error; err == nil {
			findings, err = audit(tx)
		}
		return err
	})
	return findings, err
}

func audit(db *gorm.DB) ([]Finding, error) {
	var findings []Finding
	for _, check := range invariants() {
		var rows []string
		sql := "SELECT DISTINCT found FROM (" + check.broken + ") broken ORDER BY found LIMIT 100"
		if err := db.Raw(sql).Scan(&rows).Error; err != nil {
			return nil, fmt.Errorf("audit %q: %w", check.name, err)
		}
		for _, row := range rows {
			findings = append(findings, Finding{Invariant: check.name, Row: row})
		}
	}
	return findings, nil
}

// Invariants are the sentences about the books that Audit proves.
func Invariants() []string {
	var names []string
	for _, i := range invariants() {
		names = append(names, i.name)
	}
	return names
}

// invariant is a sentence about the books and the SQL that finds the rows for which it is false.
type invariant struct{ name, broken string }

func invariants() []invariant {
	return slices.Concat(ledgerInvariants(), lotInvariants(), chargeInvariants(), cancellationInvariants())
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
		{"every credit has lots of its amount, or gave it back to some", `
			SELECT t.id AS found FROM point_transactions t WHERE t.amount > 0 AND t.amount <>
				COALESCE((SELECT SUM(l.initial) FROM point_lots l WHERE l.transaction_id = t.id), 0) -
				COALESCE((SELECT SUM(u.amount) FROM lot_uses u WHERE u.transaction_id = t.id AND u.reason = 'RETURN'), 0)`},
		{"every debit took its amount from lots; only a clawback may find less", `
			SELECT t.id AS found FROM point_transactions t
				LEFT JOIN lot_uses u ON u.transaction_id = t.id AND u.reason = 'USE'
			WHERE t.amount < 0 GROUP BY t.id, t.kind, t.amount
			HAVING COALESCE(SUM(u.amount), 0) > -t.amount
				OR (t.kind <> 'CHARGE_CANCEL' AND COALESCE(SUM(u.amount), 0) < -t.amount)`},
	}
}

func lotInvariants() []invariant {
	return []invariant{
		{"a lot has what its uses left of it", `
			SELECT l.id AS found FROM point_lots l LEFT JOIN lot_uses u ON u.lot_id = l.id
			GROUP BY l.id, l.initial, l.remaining HAVING l.initial - COALESCE(SUM(u.amount), 0) <> l.remaining`},
		{"no lot is spent after it expired", `
			SELECT l.id AS found FROM lot_uses u JOIN point_lots l ON l.id = u.lot_id
				JOIN point_transactions t ON t.id = u.transaction_id
			WHERE t.kind IN ('SPEND', 'ADJUST') AND u.reason = 'USE' AND t.created_at >= l.expires_at`},
		{"no lot expires before its time", `
			SELECT l.id AS found FROM lot_uses u JOIN point_lots l ON l.id = u.lot_id
				JOIN point_transactions t ON t.id = u.transaction_id
			WHERE t.kind = 'EXPIRE' AND t.created_at < l.expires_at`},
		{"a lot, its uses and their lines are of one user", `
			SELECT l.id AS found FROM point_lots l JOIN point_transactions t ON t.id = l.transaction_id
			WHERE t.user_id <> l.user_id UNION ALL
			SELECT u.lot_id FROM lot_uses u JOIN point_lots l ON l.id = u.lot_id
				JOIN point_transactions t ON t.id = u.transaction_id WHERE t.user_id <> l.user_id`},
		{"points are held only by a refund under way", `
			SELECT l.id AS found FROM point_lots l JOIN point_transactions t ON t.id = l.transaction_id
				LEFT JOIN refunds r ON r.imp_uid = t.imp_uid AND r.status IN ('HELD', 'ACCEPTED')
			WHERE l.held > 0 AND r.id IS NULL`},
		{"a spend is never cancelled beyond its amount", `
			SELECT s.id AS found FROM point_transactions s JOIN point_transactions c ON c.reverses_id = s.id
			WHERE s.kind = 'SPEND' AND c.kind = 'SPEND_CANCEL'
			GROUP BY s.id, s.amount HAVING SUM(c.amount) > -s.amount`},
	}
}

func cancellationInvariants() []invariant {
	return []invariant{
		{"the cancellations in the books add up to the payment's cancelled amount", `
			SELECT p.imp_uid AS found FROM payments p
				JOIN point_transactions t ON t.imp_uid = p.imp_uid AND t.kind = 'CHARGE'
				LEFT JOIN payment_cancellations c ON c.imp_uid = p.imp_uid
			WHERE p.problem <> 'CANCELLED_AMOUNT' GROUP BY p.imp_uid, p.cancelled_amount
			HAVING COALESCE(SUM(c.amount), 0) <> p.cancelled_amount`},
		{"clawed back are the points of what was cancelled", `
			SELECT o.imp_uid AS found FROM charge_orders o WHERE o.imp_uid IS NOT NULL AND
				COALESCE((SELECT -SUM(t.amount) FROM point_transactions t
					WHERE t.imp_uid = o.imp_uid AND t.kind = 'CHARGE_CANCEL'), 0) <>
				(SELECT o.points * CAST(COALESCE(SUM(c.amount), 0) AS bigint) / o.price
					+ o.bonus_points * CAST(COALESCE(SUM(c.amount), 0) AS bigint) / o.price
					FROM payment_cancellations c WHERE c.imp_uid = o.imp_uid)`},
		{"a paid order's status follows what was cancelled of its payment", `
			SELECT o.merchant_uid AS found FROM charge_orders o JOIN payments p ON p.imp_uid = o.imp_uid
			WHERE o.status <> CASE WHEN p.cancelled_amount = 0 THEN 'PAID'
				WHEN p.cancelled_amount < p.amount THEN 'PARTIALLY_CANCELLED' ELSE 'CANCELLED' END`},
		{"a refund that is done was cancelled at the gateway", `
			SELECT r.id AS found FROM refunds r JOIN payments p ON p.imp_uid = r.imp_uid
				LEFT JOIN charge_orders o ON o.imp_uid = r.imp_uid
			WHERE r.status = 'DONE' AND r.cancelled_before + r.amount > CASE WHEN o.imp_uid IS NULL THEN p.cancelled_amount
				ELSE (SELECT COALESCE(SUM(c.amount), 0) FROM payment_cancellations c WHERE c.imp_uid = r.imp_uid) END`},
		// One that was released, and turned up only afterwards, is on the list of problems as ACCEPTED_CANCELLED.
		{"no payment is accepted by hand while or after it is given back", `
			SELECT r.imp_uid AS found FROM refunds r JOIN resolutions a ON a.imp_uid = r.imp_uid AND a.transaction_id IS NOT NULL
			WHERE r.status IN ('HELD', 'ACCEPTED') OR (r.status = 'DONE' AND r.ended_at <= a.created_at)`},
		{"a CHARGE_CANCEL line has its cancellation", `
			SELECT t.id AS found FROM point_transactions t LEFT JOIN payment_cancellations c
				ON c.imp_uid = t.imp_uid AND c.cancellation_id = t.cancellation_id
			WHERE t.kind = 'CHARGE_CANCEL' AND c.imp_uid IS NULL`},
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
		{"no payment is credited and accepted by hand", `
			SELECT t.imp_uid AS found FROM point_transactions t
				JOIN point_transactions c ON c.imp_uid = t.imp_uid AND c.kind = 'CHARGE' WHERE t.kind = 'ADJUST'`},
		{"what an operator accepted has its ADJUST line", `
			SELECT o.accepted_imp_uid AS found FROM charge_orders o
				LEFT JOIN point_transactions t ON t.imp_uid = o.accepted_imp_uid AND t.kind = 'ADJUST' AND t.user_id = o.user_id
			WHERE o.accepted_imp_uid IS NOT NULL AND t.id IS NULL`},
		{"a paid payment is credited or has a problem", `
			SELECT p.imp_uid AS found FROM payments p
				LEFT JOIN point_transactions t ON t.imp_uid = p.imp_uid AND t.kind = 'CHARGE'
			WHERE (p.status = 'paid' OR (p.status = 'cancelled' AND p.cancelled_amount > 0))
				AND p.amount > p.cancelled_amount AND p.problem = '' AND t.id IS NULL`},
	}
}
