package point

import (
	"context"
	"fmt"
	"iter"
)

// problems are the payments that an operator has to look at: those with a problem nobody has accepted or ignored as it
// is now, and those accepted by hand of which something was cancelled or deposited since. The shop must take back the
// points of what was cancelled by hand.
const problems = `SELECT p.imp_uid, p.merchant_uid, p.user_id, p.status, p.amount, p.cancelled_amount, p.currency,
		p.pay_method, p.pg_provider, p.pg_tid, p.sandbox, p.paid_at, p.synced_at, p.deposit_count, p.raw, listed.problem
	FROM (
		SELECT imp_uid, problem FROM payments WHERE problem <> '' AND problem <> 'ACCEPTED'
			AND imp_uid NOT IN (SELECT imp_uid FROM resolutions WHERE transaction_id IS NOT NULL)
		UNION ALL
		SELECT a.imp_uid, CASE WHEN p.cancelled_amount > 0 THEN 'ACCEPTED_CANCELLED' ELSE 'DEPOSIT' END
		FROM resolutions a JOIN payments p ON p.imp_uid = a.imp_uid
		WHERE a.transaction_id IS NOT NULL AND (p.cancelled_amount > 0 OR p.deposit_count > a.deposit_count)
	) listed JOIN payments p ON p.imp_uid = listed.imp_uid
	WHERE NOT EXISTS (SELECT 1 FROM resolutions r WHERE r.imp_uid = p.imp_uid AND r.action <> 'REFUND'
		AND r.problem = listed.problem AND r.cancelled_amount = p.cancelled_amount AND r.deposit_count = p.deposit_count)`

// problemsAtOnce is how many payments of the list are read at once.
const problemsAtOnce = 500

// Problems (확인 필요 결제) are all payments that an operator has to look at, in the order of their imp_uid. They are
// read in batches; the last pair has the error that ended them, if one did.
func (s *Service) Problems(ctx context.Context) iter.Seq2[Payment, error] {
	return func(yield func(Payment, error) bool) {
		for last := ""; ; {
			var batch []Payment
			err := s.DB.WithContext(ctx).Raw(problems+" AND p.imp_uid > ? ORDER BY p.imp_uid LIMIT ?", last, problemsAtOnce).
				Scan(&batch).Error
			if err != nil {
				yield(Payment{}, fmt.Errorf("read problems: %w", err))
				return
			}
			for _, p := range batch {
				if last = p.ImpUID; !yield(p, nil) {
					return
				}
			}
			if len(batch) < problemsAtOnce {
				return
			}
		}
	}
}

// ProblemCount is how many payments an operator has to look at.
func (s *Service) ProblemCount(ctx context.Context) (int64, error) {
	var n int64
	err := s.DB.WithContext(ctx).Raw("SELECT COUNT(*) FROM (" + problems + ") listed").Scan(&n).Error
	return n, err
}
