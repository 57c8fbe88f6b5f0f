package point_test

import (
	"fmt"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/page"
	"pointcharge/internal/point"
)

func TestExpiryIsExactBeforeTheJobRan(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, _ := w.Expiring()
		clock.Pass(10*domaintest.Day - time.Microsecond)
		w.WantBalance("minji", domaintest.Full)
		w.WantSpendable(domaintest.Full)
		clock.Pass(time.Microsecond)
		w.WantBalance("minji", 5000)
		w.WantSpendable(5000)
		w.WantHistory("CHARGE 5000", "BONUS 500")
	})
}

func TestExpireWritesEachLineOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, _ := w.Expiring()
		w.MustSpend(100, "order-1")
		clock.Pass(10 * domaintest.Day)
		if n := w.ExpireDue(10); n != 1 {
			w.Fatalf("visited %d users, want 1", n)
		}
		if n := w.ExpireDue(10); n != 0 {
			w.Fatalf("visited %d users, want none", n)
		}
		w.WantHistory("CHARGE 5000", "BONUS 500", "SPEND -100", "EXPIRE -400")
		w.WantBalance("minji", 5000)
	})
}

func TestExpireVisitsAtMostSoManyUsers(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, _ := w.Expiring()
		_, err := w.Charge(w.Context(), "junho", w.Pay(w.OpenOrder("junho")))
		w.Must(err)
		clock.Pass(10 * domaintest.Day)
		for _, want := range []int{1, 1, 0} {
			if n := w.ExpireDue(1); n != want {
				w.Fatalf("visited %d users, want %d", n, want)
			}
		}
		w.WantBalance("junho", 5000)
	})
}

func TestExpireOnTwoHandlesAtOnceWritesOneLine(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{databasetest.SQLite, databasetest.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			url := databasetest.URL(t, dialect)
			w := newWorld(t, databasetest.Open(t, url), "sandbox")
			other := point.New(databasetest.Open(t, url))
			clock, _ := w.Expiring()
			clock.Pass(10 * domaintest.Day)
			other.Now, other.DatabaseClock = w.Now, w.DatabaseClock
			run := func(s *point.Service) func() {
				return func() {
					if _, err := s.Expire(t.Context(), 10); err != nil {
						t.Errorf("expire: %v", err)
					}
				}
			}
			domaintest.Together(append(domaintest.Repeat(4, run(w.Ledger)), domaintest.Repeat(4, run(other))...)...)
			w.WantHistory("CHARGE 5000", "BONUS 500", "EXPIRE -500")
		})
	}
}

func TestExpiringLotsAreThoseThatDieSoon(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, credited := w.Expiring()
		for within, want := range map[int]int{9: 0, 10: 1, 3650: 2} {
			lots, err := w.ExpiringLots(w.Context(), "minji", within)
			w.Must(err)
			if len(lots) != want || (want > 0 && lots[0].ID != w.BonusLot(credited).ID) {
				w.Fatalf("within %d days: %+v", within, lots)
			}
		}
		clock.Pass(10 * domaintest.Day)
		lots, err := w.ExpiringLots(w.Context(), "minji", 10)
		w.Must(err)
		if len(lots) != 0 {
			w.Fatalf("what has expired is not expiring: %+v", lots)
		}
		for _, within := range []int{0, -1, 3651} {
			_, err := w.ExpiringLots(w.Context(), "minji", within)
			w.WantCode(err, apierror.InvalidArgument)
		}
	})
}

func TestPaidPointsLiveFiveYearsAndBonusOne(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		credited := w.Charged()
		if at := w.LotWhere("transaction_id = ?", credited.ID).ExpiresAt; !at.Equal(time.Date(2031, 3, 1, 15, 0, 0, 0, time.UTC)) {
			w.Errorf("paid points expire %s", at)
		}
		if at := w.BonusLot(credited).ExpiresAt; !at.Equal(clock.Now().Add(365 * domaintest.Day)) {
			w.Errorf("bonus points expire %s", at)
		}
	})
}

func TestLotsTellWhatBecameOfEachPoint(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, credited := w.Expiring()
		spend := w.MustSpend(100, "order-1")
		clock.Pass(10 * domaintest.Day)
		w.ExpireDue(10)
		lots, err := w.Lots(w.Context(), "minji", page.Request{First: 1})
		w.Must(err)
		bonus := lots.Edges[0].Node
		if bonus.ID != w.BonusLot(credited).ID || bonus.Remaining != 0 || !lots.PageInfo.HasNextPage {
			w.Fatalf("unexpected page %+v", lots)
		}
		uses, err := w.LotUses(w.Context(), bonus)
		w.Must(err)
		if len(uses) != 2 || uses[0].TransactionID != spend.ID || uses[0].Amount != 100 || uses[1].Amount != 400 {
			w.Fatalf("unexpected uses %+v", uses)
		}
		lots, err = w.Lots(w.Context(), "minji", page.Request{First: 1, After: lots.PageInfo.EndCursor})
		w.Must(err)
		if lots.Edges[0].Node.TransactionID != credited.ID || lots.PageInfo.HasNextPage {
			w.Fatalf("unexpected page %+v", lots)
		}
		_, err = w.Lots(w.Context(), "minji", page.Request{First: 1, After: new("!")})
		w.WantCode(err, apierror.InvalidArgument)
	})
}

// TestOneBadWalletStopsNobodysExpiry, even with more due lots than are looked at together.
func TestOneBadWalletStopsNobodysExpiry(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		bad := w.LotWhere("transaction_id = ?", w.give("bad", 1).ID)
		lots := make([]point.Lot, 1000)
		for i := range lots {
			lots[i] = bad
			lots[i].ID = fmt.Sprint("lot-", i)
		}
		w.Must(w.DB.Create(&lots).Error)
		w.Must(w.DB.Exec("UPDATE wallets SET balance = 1001, seq = 0 WHERE user_id = 'bad'").Error) // its next line cannot be written
		clock.Pass(domaintest.Day)
		w.give("junho", 3000)
		clock.Pass(366 * domaintest.Day)
		_, err := w.ExpireLargeShare(w.Context(), domaintest.Sora(), 10)
		if err == nil {
			t.Error("the bad wallet did not fail")
		}
		domaintest.WantPoints(w.T, "expiries", w.Count("point_transactions", "user_id = 'junho' AND kind = 'EXPIRE'"), 1)
		w.Must(w.DB.Exec("DELETE FROM point_lots WHERE id LIKE 'lot-%'").Error)
		w.Must(w.DB.Exec("UPDATE wallets SET balance = 1, seq = 1 WHERE user_id = 'bad'").Error)
	})
}
