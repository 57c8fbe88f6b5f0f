package charge_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"pointcharge/internal/charge"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/page"
)

// statements is a logger that keeps the statements that are run, with their values.
type statements struct {
	logger.Interface
	mu  sync.Mutex
	sql []string
}

func (s *statements) Trace(_ context.Context, _ time.Time, statement func() (string, int64), _ error) {
	sql, _ := statement()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sql = append(s.sql, sql)
}

// explain returns the database's plan of a statement.
func explain(t *testing.T, db *gorm.DB, sql string) string {
	t.Helper()
	var lines []string
	column, command := "detail", "EXPLAIN QUERY PLAN "
	if db.Name() == databasetest.Postgres {
		column, command = "QUERY PLAN", "EXPLAIN "
	}
	var rows []map[string]any
	if err := db.Raw(command + sql).Scan(&rows).Error; err != nil {
		t.Fatal(sql, err)
	}
	for _, row := range rows {
		line, _ := row[column].(string)
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// TestD2NoQueryReadsAllPayments explains what is asked of 50,000 payments, of which 5,000 have a
// problem.
func TestD2NoQueryReadsAllPayments(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		fillPayments(t, db, 50_000)
		kept := &statements{Interface: logger.Discard}
		s := domaintest.NewServices(db.Session(&gorm.Session{Logger: kept}), nil)
		ctx := t.Context()
		for name, ask := range map[string]func() error{
			"count": func() error { _, err := s.ProblemCount(ctx); return err },
			"page": func() error {
				_, err := s.ProblemPage(ctx, charge.ProblemFilter{}, page.Request{First: 20})
				return err
			},
			"page of kind": func() error {
				_, err := s.ProblemPage(ctx, charge.ProblemFilter{State: charge.Foreign, Problem: charge.UnknownOrder}, page.Request{First: 20})
				return err
			},
			"local": func() error { _, err := s.LocalPayments(ctx, []string{"imp_1", "imp_2"}); return err },
			"local paid": func() error {
				_, err := s.LocalPaymentsPaid(ctx, time.Unix(0, 0), "", time.Unix(1e9, 0), 100)
				return err
			},
			"orders to end": func() error { _, err := s.PruneOrders(ctx, 100); return err },
			"many": func() error {
				_, err := s.ResolveMany(ctx, charge.ResolveManyInput{Filter: charge.ProblemFilter{Problem: charge.Late}, Limit: 10, Action: charge.Ignore, Reason: "r", Actor: domaintest.Sora()})
				return err
			},
			"list": func() error {
				for _, err := range s.Problems(ctx) {
					return err
				}
				return nil
			},
		} {
			kept.sql = nil
			if err := ask(); err != nil {
				t.Fatal(name, err)
			}
			for _, sql := range kept.sql {
				plan := explain(t, db, strings.TrimSuffix(sql, " FOR UPDATE"))
				for _, line := range strings.Split(plan, "\n") {
					if strings.Contains(line, "Seq Scan on payments") || strings.HasPrefix(strings.TrimSpace(line), "SCAN p") && !strings.Contains(line, "INDEX") {
						t.Errorf("%s reads all payments: %s\n%s", name, sql, plan)
					}
				}
			}
		}
	})
}
