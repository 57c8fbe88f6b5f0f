package charge

import (
	"slices"

	"pointcharge/internal/audit"
)

// Invariants returns the sentences about orders, payments and refunds that an audit proves.
func Invariants() []audit.Invariant {
	return slices.Concat(creditInvariants(), cancellationInvariants())
}

func cancellationInvariants() []audit.Invariant {
	return []audit.Invariant{
		{Name: "the cancellations in the books add up to the payment's cancelled amount", Broken: `
			SELECT p.imp_uid AS found FROM payments p
				JOIN point_transactions t ON t.imp_uid = p.imp_uid AND t.kind = 'CHARGE'
				LEFT JOIN payment_cancellations c ON c.imp_uid = p.imp_uid
			WHERE p.problem <> 'CANCELLED_AMOUNT' AND (p.problem = '' OR -- a worse problem hides that the gateway says otherwise
				p.imp_uid NOT IN (SELECT imp_uid FROM payment_cancellations WHERE decision_id IS NOT NULL))
			GROUP BY p.imp_uid, p.cancelled_amount HAVING COALESCE(SUM(c.amount - c.confirmed_amount), 0) <> p.cancelled_amount`},
		{Name: "each kind gives back its share of what was cancelled", Broken: `
			SELECT found FROM (` + bookedShares + `) booked WHERE old = 0 AND
				(points <> order_points - order_points * (price - cancelled) / price
				OR bonus_points <> order_bonus_points - order_bonus_points * (price - cancelled) / price)
			UNION ALL SELECT found FROM (` + bookedShares + `) booked WHERE old = 1 AND -- before shares were rounded up
				(points <> order_points * cancelled / price OR bonus_points <> order_bonus_points * cancelled / price)`},
		{Name: "clawed back are the points of what was cancelled, less those that had expired", Broken: `
			SELECT o.imp_uid AS found FROM charge_orders o WHERE o.imp_uid IS NOT NULL AND
				COALESCE((SELECT -SUM(t.amount) FROM point_transactions t
					WHERE t.imp_uid = o.imp_uid AND t.kind = 'CHARGE_CANCEL'), 0) <>
				COALESCE((SELECT SUM(c.points + c.bonus_points - c.expired_points - c.expired_bonus_points)
					FROM payment_cancellations c WHERE c.imp_uid = o.imp_uid), 0)`},
		{Name: "points that expired stand for a cancellation once", Broken: `
			SELECT c.imp_uid AS found FROM payment_cancellations c GROUP BY c.imp_uid
			HAVING SUM(c.expired_points) > ` + expiredOf("CHARGE") + ` OR SUM(c.expired_bonus_points) > ` + expiredOf("BONUS")},
		{Name: "a paid order's status follows what was cancelled of its payment", Broken: `
			SELECT o.merchant_uid AS found FROM charge_orders o JOIN (
				SELECT p.imp_uid, p.amount, CASE WHEN p.cancelled_amount > b.booked THEN p.cancelled_amount ELSE b.booked END AS cancelled
				FROM payments p JOIN (SELECT p.imp_uid, COALESCE(SUM(c.amount - c.confirmed_amount), 0) AS booked
					FROM payments p LEFT JOIN payment_cancellations c ON c.imp_uid = p.imp_uid GROUP BY p.imp_uid) b ON b.imp_uid = p.imp_uid
			) p ON p.imp_uid = o.imp_uid
			WHERE o.status <> CASE WHEN p.cancelled = 0 THEN 'PAID'
				WHEN p.cancelled < p.amount THEN 'PARTIALLY_CANCELLED' ELSE 'CANCELLED' END`},
		{Name: "a refund that is done was cancelled at the gateway, unless an operator decided so", Broken: `
			SELECT r.id AS found FROM refunds r JOIN payments p ON p.imp_uid = r.imp_uid
				LEFT JOIN charge_orders o ON o.imp_uid = r.imp_uid
			WHERE r.status = 'DONE' AND r.id NOT IN (SELECT refund_id FROM refund_decisions WHERE outcome = 'BOOK') AND r.cancelled_before + r.amount > CASE WHEN o.imp_uid IS NULL THEN p.cancelled_amount
				ELSE (SELECT COALESCE(SUM(c.amount), 0) FROM payment_cancellations c WHERE c.imp_uid = r.imp_uid) END`},
		// A released refund with a late cancellation is on the list of problems as
		// ACCEPTED_CANCELLED.
		{Name: "no payment is accepted by hand while or after it is given back", Broken: `
			SELECT r.imp_uid AS found FROM refunds r JOIN resolutions a ON a.imp_uid = r.imp_uid AND a.transaction_id IS NOT NULL
			WHERE r.status IN ('HELD', 'ACCEPTED') OR (r.status = 'DONE' AND r.ended_at <= a.created_at)`},
		{Name: "a CHARGE_CANCEL line has its cancellation", Broken: `
			SELECT t.id AS found FROM point_transactions t LEFT JOIN payment_cancellations c
				ON c.imp_uid = t.imp_uid AND c.cancellation_id = t.cancellation_id
			WHERE t.kind = 'CHARGE_CANCEL' AND c.imp_uid IS NULL`},
	}
}

// bookedShares has, for each order with booked cancellations, the points taken back in all. old is
// 1 while all bookings are from the time when parts of a point were rounded down.
const bookedShares = `SELECT o.imp_uid AS found, o.price, o.points AS order_points, o.bonus_points AS order_bonus_points,
		CAST(SUM(c.amount - c.confirmed_amount) AS bigint) AS cancelled, SUM(c.points) AS points, SUM(c.bonus_points) AS bonus_points,
		MIN(CASE WHEN c.rounded_down THEN 1 ELSE 0 END) AS old
	FROM charge_orders o JOIN payment_cancellations c ON c.imp_uid = o.imp_uid
	GROUP BY o.imp_uid, o.price, o.points, o.bonus_points`

// expiredOf is the SQL of the number of expired points of a lot, made by a line of that kind, for
// the payment c.
func expiredOf(kind string) string {
	return `COALESCE((SELECT SUM(u.amount) FROM point_transactions t
		JOIN point_lots l ON l.transaction_id = t.id
		JOIN lot_uses u ON u.lot_id = l.id
		JOIN point_transactions e ON e.id = u.transaction_id
		LEFT JOIN point_transactions undone ON undone.id = e.reverses_id
		WHERE t.imp_uid = c.imp_uid AND t.kind = '` + kind + `' AND u.reason <> 'DEBT' AND (e.kind = 'EXPIRE' OR undone.kind = 'EXPIRE')), 0)`
}

func creditInvariants() []audit.Invariant {
	return []audit.Invariant{
		{Name: "one CHARGE line per payment", Broken: `
			SELECT imp_uid AS found FROM point_transactions WHERE kind = 'CHARGE'
			GROUP BY imp_uid HAVING COUNT(*) > 1`},
		{Name: "one CHARGE line per order", Broken: `
			SELECT reference AS found FROM point_transactions WHERE kind = 'CHARGE'
			GROUP BY reference HAVING COUNT(*) > 1`},
		{Name: "a CHARGE line has a paid KRW payment of exactly its order's price, in this database's mode", Broken: `
			SELECT t.id AS found FROM point_transactions t
				LEFT JOIN payments p ON p.imp_uid = t.imp_uid
				LEFT JOIN charge_orders o ON o.imp_uid = t.imp_uid AND o.merchant_uid = t.reference
				LEFT JOIN database_mode m ON m.id = 1
			WHERE t.kind = 'CHARGE' AND (p.imp_uid IS NULL OR o.imp_uid IS NULL
				OR p.status NOT IN ('paid', 'cancelled') OR p.currency <> 'KRW' OR p.amount <> o.price
				OR p.merchant_uid <> o.merchant_uid OR o.user_id <> t.user_id OR p.user_id <> t.user_id
				OR t.amount <> o.points OR p.sandbox <> (COALESCE(m.mode, 'sandbox') = 'sandbox'))`},
		{Name: "a BONUS line is its order's bonus", Broken: `
			SELECT t.id AS found FROM point_transactions t
				LEFT JOIN charge_orders o ON o.imp_uid = t.imp_uid AND o.merchant_uid = t.reference
			WHERE t.kind = 'BONUS' AND (o.imp_uid IS NULL OR t.amount <> o.bonus_points)`},
		{Name: "a paid order has its CHARGE line, and its BONUS line if it has a bonus", Broken: `
			SELECT o.merchant_uid AS found FROM charge_orders o
				LEFT JOIN point_transactions t ON t.imp_uid = o.imp_uid AND t.kind IN ('CHARGE', 'BONUS')
			WHERE o.imp_uid IS NOT NULL
			GROUP BY o.merchant_uid, o.bonus_points
			HAVING COUNT(t.id) <> CASE WHEN o.bonus_points > 0 THEN 2 ELSE 1 END`},
		{Name: "no payment is credited and accepted by hand", Broken: `
			SELECT t.imp_uid AS found FROM point_transactions t
				JOIN point_transactions c ON c.imp_uid = t.imp_uid AND c.kind = 'CHARGE' WHERE t.kind = 'ADJUST'`},
		{Name: "what an operator accepted has its ADJUST line", Broken: `
			SELECT o.accepted_imp_uid AS found FROM charge_orders o
				LEFT JOIN point_transactions t ON t.imp_uid = o.accepted_imp_uid AND t.kind = 'ADJUST' AND t.user_id = o.user_id
			WHERE o.accepted_imp_uid IS NOT NULL AND t.id IS NULL`},
		{Name: "a paid payment is credited or has a problem", Broken: `
			SELECT p.imp_uid AS found FROM payments p
				LEFT JOIN point_transactions t ON t.imp_uid = p.imp_uid AND t.kind = 'CHARGE'
			WHERE (p.status = 'paid' OR (p.status = 'cancelled' AND p.cancelled_amount > 0))
				AND p.amount > p.cancelled_amount AND p.problem = '' AND t.id IS NULL`},
		{Name: "a problem has a state, and only a problem does", Broken: `
			SELECT imp_uid AS found FROM payments WHERE (problem = '') <> (problem_state = '')`},
		{Name: "a payment that was accepted by hand says so, and no other", Broken: `
			SELECT p.imp_uid AS found FROM payments p LEFT JOIN resolutions r ON r.imp_uid = p.imp_uid AND r.transaction_id IS NOT NULL
			WHERE (p.accepted_deposit_count IS NULL) <> (r.id IS NULL) OR p.accepted_deposit_count <> r.deposit_count`},
		{Name: "the counts of problems are right", Broken: `
			SELECT problem_state || ' ' || problem AS found FROM (
				SELECT problem_state, problem, COUNT(*) AS n FROM payments WHERE problem_state <> '' GROUP BY problem_state, problem
				UNION ALL SELECT problem_state, problem, -SUM(payments) FROM payment_problem_counts GROUP BY problem_state, problem
			) counts GROUP BY problem_state, problem HAVING SUM(n) <> 0`},
	}
}
