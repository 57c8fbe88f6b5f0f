package charge

import (
	"context"
	"fmt"
	"iter"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/page"
)

// problemBatch is how many payments of the list are read at once.
const problemBatch = 500

// problemColumns leaves out the gateway's whole answer, which is read for one payment at a time.
const problemColumns = `imp_uid, merchant_uid, user_id, status, amount, cancelled_amount, currency, pay_method, pg_provider, pg_tid,
	sandbox, receipt_url, paid_at, problem, problem_state, fail_reason, failed_at, synced_at, changed_at, deposit_count,
	accepted_deposit_count`

// Problems (확인 필요 결제) returns all payments that wait for an operator, ordered by imp_uid: payments
// with a problem neither accepted nor ignored in its present form. Rows are read in batches. An
// error comes with the last pair.
func (s *Service) Problems(ctx context.Context) iter.Seq2[Payment, error] {
	return func(yield func(Payment, error) bool) {
		for last := ""; ; {
			var batch []Payment
			err := s.db.WithContext(ctx).Raw("SELECT "+problemColumns+`, raw FROM payments
				WHERE problem_state = 'OPEN' AND imp_uid > ? ORDER BY imp_uid LIMIT ?`, last, problemBatch).Scan(&batch).Error
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

// ProblemFilter selects payments with a problem.
type ProblemFilter struct {
	State   ProblemState // Open when empty
	Problem Problem      // all problems when empty
}

// The schema's names of a list of problems.
type (
	// ProblemConnection is a page of payments with a problem.
	ProblemConnection = page.Connection[Payment]
	// ProblemEdge is a payment on a page.
	ProblemEdge = page.Edge[Payment]
)

// ProblemPage returns a page of the payments with a problem, ordered by kind and imp_uid, without
// Raw. The error is InvalidArgument.
func (s *Service) ProblemPage(ctx context.Context, filter ProblemFilter, request page.Request) (ProblemConnection, error) {
	q := gorm.G[Payment](s.db).Select(problemColumns).Where(filter.condition()).Order("problem, imp_uid")
	if filter.Problem != NoProblem {
		q = q.Where("problem = ?", filter.Problem)
	}
	if request.After != nil {
		problem, impUID, err := page.CutCursor(*request.After)
		if err != nil || !apierror.ValidID(impUID) {
			return ProblemConnection{}, apierror.Invalid("after", "after is not a cursor of this list.")
		}
		q = q.Where("(problem, imp_uid) > (?, ?)", problem, impUID)
	}
	return page.Read(ctx, q, request, func(p Payment) string { return string(p.Problem) + " " + p.ImpUID })
}

// condition returns SQL for the state, as a literal: only so does PostgreSQL use a partial index in
// a prepared statement.
func (f ProblemFilter) condition() string {
	switch f.State {
	case Decided:
		return "problem_state <> '' AND problem_state = 'DECIDED'"
	case Foreign:
		return "problem_state <> '' AND problem_state = 'FOREIGN'"
	}
	return "problem_state <> '' AND problem_state = 'OPEN'"
}

// ProblemCount returns how many payments an operator has to look at.
func (s *Service) ProblemCount(ctx context.Context) (int64, error) {
	counts, err := s.ProblemCounts(ctx)
	n := int64(0)
	for _, c := range counts {
		if c.State == Open {
			n += c.Payments
		}
	}
	return n, err
}

// ProblemKindCount is how many payments have a problem of one kind and state.
type ProblemKindCount struct {
	State    ProblemState `gorm:"column:problem_state"`
	Problem  Problem
	Payments int64
}

// ProblemCounts returns the number of payments of each problem, at a constant cost.
func (s *Service) ProblemCounts(ctx context.Context) ([]ProblemKindCount, error) {
	var counts []ProblemKindCount
	err := s.db.WithContext(ctx).Raw(`SELECT problem_state, problem, CAST(SUM(payments) AS bigint) AS payments
		FROM payment_problem_counts GROUP BY problem_state, problem HAVING SUM(payments) > 0 ORDER BY problem_state, problem`).
		Scan(&counts).Error
	if err != nil {
		return nil, fmt.Errorf("count problems: %w", err)
	}
	return counts, nil
}
