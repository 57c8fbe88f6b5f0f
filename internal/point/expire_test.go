package point_test

import (
	"testing"
	"time"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/point"
)

// expiring charges, with a bonus that lives ten days.
func expiring(w *world) (*clock, point.Transaction) {
	w.Helper()
	clock := w.stopClock()
	w.Lifetimes = point.Lifetimes{Bonus: 10 * day}
	return clock, charged(w)
}

func (w *world) expire(limit int) int {
	w.Helper()
	n, err := w.Expire(w.Context(), limit)
	w.must(err)
	return n
}

func TestExpiryIsExactBeforeTheJobRan(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, _ := expiring(w)
		clock.pass(10*day - time.Microsecond)
		w.wantBalance("minji", full)
		w.wantSpendable(full)
		clock.pass(time.Microsecond)
		w.wantBalance("minji", 5000)
		w.wantSpendable(5000)
		w.wantHistory("CHARGE 5000", "BONUS 500")
	})
}

func TestExpireWritesEachLineOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, _ := expiring(w)
		w.spend(100, "order-1")
		clock.pass(10 * day)
		if n := w.expire(10); n != 1 {
			w.Fatalf("visited %d users, want 1", n)
		}
		if n := w.expire(10); n != 0 {
			w.Fatalf("visited %d users, want none", n)
		}
		w.wantHistory("CHARGE 5000", "BONUS 500", "SPEND -100", "EXPIRE -400")
		w.wantBalance("minji", 5000)
	})
}

func TestExpireVisitsAtMostSoManyUsers(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, _ := expiring(w)
		_, err := w.Charge(w.Context(), "junho", w.pay(w.order("junho")))
		w.must(err)
		clock.pass(10 * day)
		for _, want := range []int{1, 1, 0} {
			if n := w.expire(1); n != want {
				w.Fatalf("visited %d users, want %d", n, want)
			}
		}
		w.wantBalance("junho", 5000)
	})
}

func TestExpireOnTwoHandlesAtOnceWritesOneLine(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{databasetest.SQLite, databasetest.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			url := databasetest.URL(t, dialect)
			w := newWorld(t, databasetest.Open(t, url), "sandbox")
			other := *w.Service
			other.DB = databasetest.Open(t, url)
			clock, _ := expiring(w)
			clock.pass(10 * day)
			other.Now = w.Now
			run := func(s *point.Service) func() {
				return func() {
					if _, err := s.Expire(t.Context(), 10); err != nil {
						t.Errorf("expire: %v", err)
					}
				}
			}
			together(append(times(4, run(w.Service)), times(4, run(&other))...)...)
			w.wantHistory("CHARGE 5000", "BONUS 500", "EXPIRE -500")
		})
	}
}

func TestExpiringLotsAreThoseThatDieSoon(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, charge := expiring(w)
		for within, want := range map[int]int{9: 0, 10: 1, 3650: 2} {
			lots, err := w.ExpiringLots(w.Context(), "minji", within)
			w.must(err)
			if len(lots) != want || (want > 0 && lots[0].ID != w.bonusLot(charge).ID) {
				w.Fatalf("within %d days: %+v", within, lots)
			}
		}
		clock.pass(10 * day)
		lots, err := w.ExpiringLots(w.Context(), "minji", 10)
		w.must(err)
		if len(lots) != 0 {
			w.Fatalf("what has expired is not expiring: %+v", lots)
		}
		for _, within := range []int{0, -1, 3651} {
			_, err := w.ExpiringLots(w.Context(), "minji", within)
			w.wantCode(err, point.InvalidArgument)
		}
	})
}

func TestPaidPointsLiveFiveYearsAndBonusOne(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		charge := charged(w)
		if at := w.lot("transaction_id = ?", charge.ID).ExpiresAt; !at.Equal(clock.now().Add(5 * 365 * day)) {
			w.Errorf("paid points expire %s", at)
		}
		if at := w.bonusLot(charge).ExpiresAt; !at.Equal(clock.now().Add(365 * day)) {
			w.Errorf("bonus points expire %s", at)
		}
	})
}

func TestLotsTellWhatBecameOfEachPoint(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, charge := expiring(w)
		spend := w.spend(100, "order-1")
		clock.pass(10 * day)
		w.expire(10)
		page, err := w.Lots(w.Context(), "minji", point.Page{First: 1})
		w.must(err)
		bonus := page.Edges[0].Node
		if bonus.ID != w.bonusLot(charge).ID || bonus.Remaining != 0 || !page.PageInfo.HasNextPage {
			w.Fatalf("unexpected page %+v", page)
		}
		uses, err := w.LotUses(w.Context(), bonus)
		w.must(err)
		if len(uses) != 2 || uses[0].TransactionID != spend.ID || uses[0].Amount != 100 || uses[1].Amount != 400 {
			w.Fatalf("unexpected uses %+v", uses)
		}
		page, err = w.Lots(w.Context(), "minji", point.Page{First: 1, After: page.PageInfo.EndCursor})
		w.must(err)
		if page.Edges[0].Node.TransactionID != charge.ID || page.PageInfo.HasNextPage {
			w.Fatalf("unexpected page %+v", page)
		}
		_, err = w.Lots(w.Context(), "minji", point.Page{First: 1, After: new("!")})
		w.wantCode(err, point.InvalidArgument)
	})
}
