package point

import (
	"slices"

	"pointcharge/internal/audit"
)

// Invariants returns the sentences about wallets, lines and lots that an audit proves.
func Invariants() []audit.Invariant { return slices.Concat(lineInvariants(), lotInvariants()) }

func lineInvariants() []audit.Invariant {
	return []audit.Invariant{
		{Name: "a wallet's balance is the sum of its lines, its seq their number", Broken: `
			SELECT w.user_id AS found FROM wallets w LEFT JOIN point_transactions t ON t.user_id = w.user_id
			GROUP BY w.user_id, w.balance, w.seq
			HAVING w.balance <> COALESCE(SUM(t.amount), 0) OR w.seq <> COUNT(t.id)`},
		{Name: "a wallet's balance is what remains in its lots, less its debt", Broken: `
			SELECT w.user_id AS found FROM wallets w LEFT JOIN point_lots l ON l.user_id = w.user_id
			GROUP BY w.user_id, w.balance
			HAVING COALESCE(SUM(l.remaining), 0) <> CASE WHEN w.balance > 0 THEN w.balance ELSE 0 END`},
		{Name: "balance_after follows from the line before, without a gap in seq", Broken: `
			SELECT user_id AS found FROM (
				SELECT user_id, seq, amount, balance_after,
					LAG(balance_after, 1, 0) OVER (PARTITION BY user_id ORDER BY seq) AS before,
					ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY seq) AS place
				FROM point_transactions) chain
			WHERE balance_after <> before + amount OR seq <> place`},
		{Name: "every line's kind and sign agree", Broken: `
			SELECT id AS found FROM point_transactions
			WHERE (kind IN ('CHARGE', 'BONUS', 'SPEND_CANCEL', 'EXPIRE_CANCEL') AND amount <= 0)
				OR (kind IN ('SPEND', 'CHARGE_CANCEL', 'CLAWBACK', 'EXPIRE') AND amount >= 0)`},
		{Name: "every credit has lots of its amount, or gave it back to some", Broken: `
			SELECT t.id AS found FROM point_transactions t WHERE t.amount > 0 AND t.amount <>
				COALESCE((SELECT SUM(l.initial) FROM point_lots l WHERE l.transaction_id = t.id), 0) -
				COALESCE((SELECT SUM(u.amount) FROM lot_uses u WHERE u.transaction_id = t.id AND u.reason = 'RETURN'), 0)`},
		{Name: "every debit took its amount from lots; only what takes points back may find less", Broken: `
			SELECT t.id AS found FROM point_transactions t
				LEFT JOIN lot_uses u ON u.transaction_id = t.id AND u.reason = 'USE'
			WHERE t.amount < 0 GROUP BY t.id, t.kind, t.amount
			HAVING COALESCE(SUM(u.amount), 0) > -t.amount
				OR (t.kind NOT IN ('CHARGE_CANCEL', 'CLAWBACK', 'ADJUST_CANCEL') AND COALESCE(SUM(u.amount), 0) < -t.amount)`},
	}
}

func lotInvariants() []audit.Invariant {
	return []audit.Invariant{
		{Name: "a lot has what its uses left of it", Broken: `
			SELECT l.id AS found FROM point_lots l LEFT JOIN lot_uses u ON u.lot_id = l.id
			GROUP BY l.id, l.initial, l.remaining HAVING l.initial - COALESCE(SUM(u.amount), 0) <> l.remaining`},
		{Name: "no lot is spent after it expired", Broken: `
			SELECT l.id AS found FROM lot_uses u JOIN point_lots l ON l.id = u.lot_id
				JOIN point_transactions t ON t.id = u.transaction_id
			WHERE t.kind IN ('SPEND', 'ADJUST') AND u.reason = 'USE' AND t.created_at >= l.expires_at`},
		{Name: "no lot expires before its time", Broken: `
			SELECT l.id AS found FROM lot_uses u JOIN point_lots l ON l.id = u.lot_id
				JOIN point_transactions t ON t.id = u.transaction_id
			WHERE t.kind = 'EXPIRE' AND t.created_at < COALESCE(l.first_expires_at, l.expires_at)`},
		{Name: "a lot, its uses and their lines are of one user", Broken: `
			SELECT l.id AS found FROM point_lots l JOIN point_transactions t ON t.id = l.transaction_id
			WHERE t.user_id <> l.user_id UNION ALL
			SELECT u.lot_id FROM lot_uses u JOIN point_lots l ON l.id = u.lot_id
				JOIN point_transactions t ON t.id = u.transaction_id WHERE t.user_id <> l.user_id`},
		{Name: "points are held only by a refund under way", Broken: `
			SELECT l.id AS found FROM point_lots l JOIN point_transactions t ON t.id = l.transaction_id
				LEFT JOIN refunds r ON r.imp_uid = t.imp_uid AND r.status IN ('HELD', 'ACCEPTED')
			WHERE l.held > 0 AND r.id IS NULL`},
		{Name: "a spend is never cancelled beyond its amount", Broken: `
			SELECT s.id AS found FROM point_transactions s JOIN point_transactions c ON c.reverses_id = s.id
			WHERE s.kind = 'SPEND' AND c.kind = 'SPEND_CANCEL'
			GROUP BY s.id, s.amount HAVING SUM(c.amount) > -s.amount`},
		{Name: "an undone line is undone once, by its own kind, by an operator", Broken: `
			SELECT c.id AS found FROM point_transactions c LEFT JOIN point_transactions t ON t.id = c.reverses_id
			WHERE c.kind IN ('EXPIRE_CANCEL', 'ADJUST_CANCEL') AND (t.id IS NULL OR t.user_id <> c.user_id
				OR c.actor_kind NOT IN ('ADMIN', 'COMMAND') OR c.kind <> t.kind || '_CANCEL'
				OR (SELECT COUNT(*) FROM point_transactions o WHERE o.reverses_id = t.id AND o.kind = c.kind) > 1)`},
		{Name: "what is undone is the whole line, less what has expired of an adjustment", Broken: `
			SELECT c.id AS found FROM point_transactions c JOIN point_transactions t ON t.id = c.reverses_id
			WHERE c.kind IN ('EXPIRE_CANCEL', 'ADJUST_CANCEL') AND c.amount <> -t.amount
				AND (t.amount < 0 OR c.amount < -t.amount OR c.amount >= 0)`},
		{Name: "a clawback by hand is an operator's, and of the user's own charge if it names one", Broken: `
			SELECT c.id AS found FROM point_transactions c LEFT JOIN point_transactions t ON t.id = c.reverses_id
			WHERE c.kind = 'CLAWBACK' AND (c.actor_kind NOT IN ('ADMIN', 'COMMAND')
				OR (c.reverses_id IS NOT NULL AND (t.id IS NULL OR t.kind <> 'CHARGE' OR t.user_id <> c.user_id)))`},
		{Name: "a reference is a service's own only if a service wrote the line", Broken: `
			SELECT id AS found FROM point_transactions
			WHERE service <> CASE WHEN actor_kind = 'SERVICE' AND kind NOT IN ('CHARGE', 'BONUS', 'CHARGE_CANCEL', 'EXPIRE')
				THEN actor_id ELSE '' END`},
	}
}
