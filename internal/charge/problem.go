package charge

import (
	"context"
	"fmt"
	"iter"
)

// openProblems are the payments that an operator has to look at: those with a problem nobody has accepted or ignored as it
// is now, and those accepted by hand of which something was cancelled or deposited since. The shop must take back the
// points of what was cancelled by hand.
const openProblems = `SELECT p.imp_uid, p.merchant_uid, p.user_id, p.status, p.amount, p.cancelled_amount, p.currency,
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

// problemBatch is how many payments of the list are read at once.
const problemBatch = 500

// Problems (확인 필요 결제) are all payments that an operator has to look at, in the order of their imp_uid. They are
// read in batches; the last pair has the error that ended them, if one did.
func (s *Service) Problems(ctx context.Context) iter.Seq2[Payment, error] {
	return func(yield func(Payment, error) bool) {
		for last := ""; ; {
			var batch []Payment
			err := s.db.WithContext(ctx).Raw(openProblems+" AND p.imp_uid > ? ORDER BY p.imp_uid LIMIT ?", last, problemBatch).
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
			if len(batch) < problemBatch {
				return
			}
		}
	}
}

// ProblemCount is how many payments an operator has to look at.
func (s *Service) ProblemCount(ctx context.Context) (int64, error) {
	var n int64
	err := s.db.WithContext(ctx).Raw("SELECT COUNT(*) FROM (" + openProblems + ") listed").Scan(&n).Error
	return n, err
}

// OpenProblems returns which of the payments an operator has to look at.
func (s *Service) OpenProblems(ctx context.Context, impUIDs []string) (map[string]bool, error) {
	var listed []string
	err := s.db.WithContext(ctx).Raw("SELECT imp_uid FROM ("+openProblems+") listed WHERE imp_uid IN ?", impUIDs).Scan(&listed).Error
	if err != nil {
		return nil, fmt.Errorf("read problems: %w", err)
	}
	open := make(map[string]bool, len(listed))
	for _, impUID := range listed {
		open[impUID] = true
	}
	return open, nil
}
