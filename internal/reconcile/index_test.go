package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"pointcharge/internal/reconcile"
)

// TestD11NoQueryReadsAllDiscrepancies explains the queries on 50,000 rows, of which a few are open.
func TestD11NoQueryReadsAllDiscrepancies(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		at := time.Now().UTC()
		w.Must(w.DB.Exec(`INSERT INTO discrepancies (id, imp_uid, merchant_uid, kind, ours, theirs, state, has_problem, last_run_id,
				first_seen, last_seen, checks, check_at, closed_at)
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
			SELECT 'd-' || i, 'imp_' || i, 'o', 'AMOUNT', '', '', 'OPEN', i % 2000 = 0,
				'run-' || (i % 500), ?, ?, 1, NULL, NULL FROM n`, at, at).Error)
		w.Must(w.DB.Exec("UPDATE discrepancies SET state = 'REPAIRED', closed_at = first_seen WHERE checks <= 1 AND id NOT LIKE '%000'").Error)
		w.Must(w.DB.Exec("UPDATE discrepancies SET check_at = first_seen WHERE state = 'OPEN'").Error)
		w.Must(w.DB.Exec("ANALYZE").Error)
		for name, q := range map[string]struct {
			sql  string
			args []any
		}{
			"what is due":           {reconcile.SelectDue, []any{at, at, "SANDBOX", "run-x", 200}},
			"a page of a list":      {"SELECT * FROM discrepancies WHERE imp_uid IN ? AND " + reconcile.IsCurrent, []any{[]string{"imp_1", "imp_2"}}},
			"the operator's list":   {"SELECT * FROM discrepancies WHERE " + reconcile.IsOnOperatorsList + " AND id > ? ORDER BY id LIMIT 50", []any{""}},
			"what a run found":      {"SELECT * FROM discrepancies WHERE last_run_id = ? AND id > ? ORDER BY id LIMIT 1000", []any{"run-7", ""}},
			"what is to be deleted": {"SELECT id FROM discrepancies WHERE state = 'REPAIRED' AND closed_at < ? ORDER BY closed_at LIMIT 1000", []any{at.Add(-time.Hour)}},
		} {
			if plan := w.explain(q.sql, q.args...); strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "SCAN discrepancies\n") {
				w.Errorf("%s reads the whole table:\n%s", name, plan)
			}
		}
	})
}

// explain returns the plan of a query.
func (w *world) explain(sql string, args ...any) string {
	w.Helper()
	var plan strings.Builder
	if w.DB.Name() == "sqlite" {
		var steps []struct{ Detail string }
		w.Must(w.DB.Raw("EXPLAIN QUERY PLAN "+sql, args...).Scan(&steps).Error)
		for _, s := range steps {
			plan.WriteString(s.Detail + "\n")
		}
		return plan.String()
	}
	var steps []string
	w.Must(w.DB.Raw("EXPLAIN "+sql, args...).Scan(&steps).Error)
	return strings.Join(steps, "\n")
}
