package point_test

import (
	"fmt"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/domaintest"
	"pointcharge/internal/page"
	"pointcharge/internal/point"
)

// TestScale is one test because a seeded database takes minutes. SCALE=100 is the size of the
// issue.
func TestScale(t *testing.T) { //nolint:paralleltest // it measures times
	db := domaintest.SeedScale(t, domaintest.Scale(t))
	t.Run("D7EveryReadIsCheap", func(t *testing.T) { //nolint:paralleltest // it measures times
		domaintest.ExplainCalls(t, db, 5*time.Millisecond, func(db *gorm.DB) []domaintest.ScaleQuery { return ledgerReads(t, point.New(db)) })
	})
	t.Run("D6EveryWriteIsQuick", func(t *testing.T) { wantQuickWrites(t, db) }) //nolint:paralleltest // it measures times
}

// call makes a query of a function with a result.
func call[T any](name string, read func() (T, error)) domaintest.ScaleQuery {
	return domaintest.ScaleQuery{Name: name, Call: func() error { _, err := read(); return err }}
}

// ledgerReads are all reads of the ledger, of the wallets that are hardest for them.
func ledgerReads(t *testing.T, s *point.Service) (queries []domaintest.ScaleQuery) {
	ctx := t.Context()
	add := func(q domaintest.ScaleQuery) { queries = append(queries, q) }
	for _, user := range []string{"user-5", "many", "past", "busy"} {
		add(call("wallet of "+user, func() (point.Wallet, error) { return s.Wallet(ctx, user) }))
		add(call("lots of "+user, func() (point.LotConnection, error) { return s.Lots(ctx, user, page.Request{First: 20}) }))
		add(call("expiring lots of "+user, func() ([]point.Lot, error) { return s.ExpiringLots(ctx, user, 3650) }))
		add(call("history of "+user, func() (point.TransactionConnection, error) {
			return s.Transactions(ctx, user, page.Request{First: 20}, nil)
		}))
		add(call("rare kinds of "+user, func() (point.TransactionConnection, error) {
			return s.Transactions(ctx, user, page.Request{First: 20}, []point.Kind{point.KindExpire, point.KindChargeCancel, point.KindBonus})
		}))
		add(call("new lines of "+user, func() ([]point.Transaction, error) { return s.LinesAfter(ctx, user, 10, 100) }))
	}
	newest := page.EncodeCursor("past-000050-l")
	add(call("lots of past, last page", func() (point.LotConnection, error) {
		return s.Lots(ctx, "past", page.Request{First: 20, After: &newest})
	}))
	add(call("newest lines", func() (map[string]int64, error) { return s.NewestSeqs(ctx, []string{"user-1", "many", "past", "busy"}) }))
	add(call("uses of a much-used lot", func() ([]point.LotUse, error) { return s.LotUses(ctx, point.Lot{ID: "busy-l"}) }))
	add(call("uses of a line of many lots", func() ([]point.LotUse, error) { return s.TransactionUses(ctx, point.Transaction{ID: "past-s"}) }))
	lots, lines := []string{"busy-l"}, []string{"past-s"}
	for i := range 99 {
		lots, lines = append(lots, fmt.Sprintf("many-%06d-l", i+1)), append(lines, fmt.Sprintf("busy-%06d", i+1))
	}
	add(call("uses of 100 lots", func() (map[string][]point.LotUse, error) { return s.UsesOfLots(ctx, lots, 20) }))
	add(call("uses of 100 lines", func() (map[string][]point.LotUse, error) { return s.UsesOfLines(ctx, lines, 20) }))
	add(call("100 lines by id", func() (map[string]point.Transaction, error) { return s.LinesByID(ctx, lines) }))
	add(call("100 lots by id", func() (map[string]point.Lot, error) { return s.LotsByID(ctx, lots) }))
	add(call("a line", func() (point.Transaction, error) { return s.Transaction(ctx, "busy", "busy-000001") }))
	add(call("expiry with nothing due", func() (int, error) {
		early := *s
		early.Now = func() time.Time { return time.Now().AddDate(0, 0, -10) }
		return early.Expire(ctx, 500)
	}))
	add(call("expiries to undo, none", func() (int, error) {
		done, err := s.UndoExpiries(ctx, point.UndoExpiriesInput{From: time.Now().AddDate(-5, 0, 0), To: time.Now(), Reason: "r", Actor: domaintest.Sora()}, 100)
		return done.Visited, err
	}))
	return queries
}

// wantQuickWrites times writes in the wallets of 100,000 lots. The limits are of the issue;
// moving tens of thousands of lots is reported only.
func wantQuickWrites(t *testing.T, db *gorm.DB) {
	w := &world{&domaintest.World{T: t, Services: domaintest.NewServices(db, nil)}}
	w.DatabaseClock = nil
	timed := func(what string, limit time.Duration, write func() error) {
		t.Helper()
		began := time.Now()
		err := write()
		took := time.Since(began)
		t.Logf("%-60s %s", what, took.Round(100*time.Microsecond))
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if limit > 0 && took > limit {
			t.Errorf("%s took %s, more than %s", what, took, limit)
		}
	}
	spend := func(user string, n int64, reference string) func() error {
		return func() error {
			_, err := w.Spend(w.Context(), point.SpendInput{UserID: user, Amount: n, Reference: reference, Actor: domaintest.Minji()})
			return err
		}
	}
	cancel := func(user string, n int64, reference, cancellation string) func() error {
		return func() error {
			_, err := w.CancelSpend(w.Context(), point.CancelSpendInput{UserID: user, Amount: n, Reference: reference, Cancellation: cancellation, Actor: domaintest.Minji()})
			return err
		}
	}
	clawBack := func(user string, n int64, reference string) func() error {
		return func() error {
			_, err := w.RecordClawback(w.Context(), point.ClawbackInput{UserID: user, Amount: n, Reference: reference, Reason: "r", Actor: domaintest.Sora()})
			return err
		}
	}
	const limit = 100 * time.Millisecond
	w.give("due", 1000)
	timed("first statements of the connection", 0, spend("user-7", 1, "o-1"))
	timed("spend 1, ordinary wallet", limit, spend("user-8", 1, "o-1"))
	timed("spend 1 of 100,000 lots", limit, spend("many", 1, "o-1"))
	timed("spend 500 from 500 of 100,000 lots", limit, spend("many", 500, "o-2"))
	timed("cancel 1 of that spend", limit, cancel("many", 1, "o-2", "c-1"))
	timed("cancel the rest of it", limit, cancel("many", 499, "o-2", "c-2"))
	timed("claw back 100 from 100,000 lots", limit, clawBack("many", 100, "r-1"))
	timed("spend after 45,000 lots expired", limit, spend("due", 100, "o-1"))
	timed("claw back after 44,500 lots expired", limit, clawBack("due", 100, "r-1"))
	w.give("past", 1000)
	timed("spend 1, 100,000 used-up lots", limit, spend("past", 1, "o-2"))
	timed("spend 50,000 from 50,000 of 100,000 lots", 0, spend("many", 50_000, "o-3"))
	timed("cancel 1 of that spend", 0, cancel("many", 1, "o-3", "c-3"))
	timed("cancel the rest of it", 0, cancel("many", 49_999, "o-3", "c-4"))
	timed("expire the rest of 45,000 lots", 0, func() error {
		_, err := w.ExpireLargeShare(w.Context(), domaintest.Sora(), 500)
		return err
	})
}
