package point_test

import (
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
)

func TestSpendTakesTheSoonestExpiryFirst(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Lifetimes = point.Lifetimes{Paid: point.Days(10), Bonus: point.Days(20)}
		credited := w.Charged()
		line := w.MustSpend(5100, "order-1")
		w.wantUses(line, map[string]int64{w.LotWhere("transaction_id = ?", credited.ID).ID + " USE": 5000, w.BonusLot(credited).ID + " USE": 100})
		w.WantBalance("minji", 400)
	})
}

func TestSpendTakesBonusBeforePaidAtTheSameExpiry(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.StopClock()
		w.Lifetimes = point.Lifetimes{Paid: point.Days(10), Bonus: point.Days(10)}
		credited := w.Charged()
		line := w.MustSpend(600, "order-1")
		w.wantUses(line, map[string]int64{w.BonusLot(credited).ID + " USE": 500, w.LotWhere("transaction_id = ?", credited.ID).ID + " USE": 100})
	})
}

func TestSpendTakesTheOldestOfEqualLots(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.StopClock()
		first, second := w.Give(100, "a"), w.Give(100, "b")
		w.MustSpend(150, "order-1")
		domaintest.WantPoints(w.T, "the older lot", w.LotRemaining(first), 0)
		domaintest.WantPoints(w.T, "the younger lot", w.LotRemaining(second), 50)
	})
}

func TestSpendIsAllOrNothing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		_, err := w.Spend(w.Context(), point.SpendInput{UserID: "minji", Amount: domaintest.Full + 1, Reference: "order-1", Actor: domaintest.Minji()})
		w.WantCode(err, apierror.InsufficientPoints)
		if n, ok := apierror.Param[int64](err, apierror.ParamBalance); !ok || n != domaintest.Full {
			w.Fatalf("the refusal names %d points, want %d", n, domaintest.Full)
		}
		w.WantHistory("CHARGE 5000", "BONUS 500")
		w.MustSpend(domaintest.Full, "order-1") // all of it, by the same reference: nothing was written
		w.WantBalance("minji", 0)
	})
}

func TestSpendRefusesWhoHasNeverCharged(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		_, err := w.Spend(w.Context(), point.SpendInput{UserID: "minji", Amount: 1, Reference: "order-1", Actor: domaintest.Minji()})
		w.WantCode(err, apierror.InsufficientPoints)
		if n := w.Count("wallets", "1 = 1"); n != 0 {
			w.Fatal("a wallet was made for nothing")
		}
	})
}

func TestSpendWithTheSameReferenceIsOneLine(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		first := w.MustSpend(5000, "order-1")
		again := w.MustSpend(5000, "order-1")
		if first.ID != again.ID || again.BalanceAfter != 500 || again.Amount != -5000 || again.Kind != point.KindSpend {
			w.Fatalf("first %+v, then %+v", first, again)
		}
		w.WantBalance("minji", 500)
	})
}

func TestSpendRefusesAReferenceUsedForSomethingElse(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		w.MustSpend(100, "order-1")
		for _, in := range []point.SpendInput{{UserID: "minji", Amount: 101, Reference: "order-1"},
			{UserID: "minji", Amount: 100, Reference: "order-1", Description: "other"}} {
			_, err := w.Spend(w.Context(), in)
			w.WantCode(err, apierror.InvalidArgument)
		}
		w.WantBalance("minji", domaintest.Full-100)
	})
}

func TestSpendKeepsTheReferencesOfUsersApart(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		w.MustSpend(100, "order-1")
		_, err := w.Charge(w.Context(), "junho", w.Pay(w.OpenOrder("junho")))
		w.Must(err)
		_, err = w.Spend(w.Context(), point.SpendInput{UserID: "junho", Amount: 300, Reference: "order-1", Actor: domaintest.Minji()})
		w.Must(err)
		w.WantBalance("junho", domaintest.Full-300)
	})
}

func TestSpendAtOnceWithOneReferenceIsOneLine(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		var ids [20]string
		var place atomic.Int64
		domaintest.Together(domaintest.Repeat(len(ids), func() {
			line, err := w.Spend(w.Context(), point.SpendInput{UserID: "minji", Amount: 5000, Reference: "order-1", Actor: domaintest.Minji()})
			if err != nil {
				w.Errorf("spend: %v", err)
			}
			ids[place.Add(1)-1] = line.ID
		})...)
		for _, id := range ids {
			if id != ids[0] {
				w.Fatalf("several lines: %v", ids)
			}
		}
		w.WantBalance("minji", 500)
	})
}

func TestSpendRefusesNonsense(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		good := point.SpendInput{UserID: "minji", Amount: 1, Reference: "r", Actor: domaintest.Minji()}
		for name, edit := range map[string]func(*point.SpendInput){
			"no user":            func(in *point.SpendInput) { in.UserID = "" },
			"a long user":        func(in *point.SpendInput) { in.UserID = strings.Repeat("a", 129) },
			"NUL in the user":    func(in *point.SpendInput) { in.UserID = "a\x00" },
			"nothing":            func(in *point.SpendInput) { in.Amount = 0 },
			"less than nothing":  func(in *point.SpendInput) { in.Amount = -1 },
			"the least number":   func(in *point.SpendInput) { in.Amount = math.MinInt64 },
			"too much":           func(in *point.SpendInput) { in.Amount = 1_000_000_001 },
			"no reference":       func(in *point.SpendInput) { in.Reference = "" },
			"a long reference":   func(in *point.SpendInput) { in.Reference = strings.Repeat("a", 101) },
			"NUL in reference":   func(in *point.SpendInput) { in.Reference = "a\x00" },
			"a long description": func(in *point.SpendInput) { in.Description = strings.Repeat("가", 201) },
			"a bad description":  func(in *point.SpendInput) { in.Description = "\xff" },
		} {
			in := good
			edit(&in)
			if _, err := w.Spend(w.Context(), in); apierror.CodeOf(err) != apierror.InvalidArgument {
				w.Errorf("%s: %v", name, err)
			}
		}
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestSpendTakesInputsAtTheirLimits(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		user := strings.Repeat("u", 128)
		in := domaintest.Adjustment(1_000_000_000, strings.Repeat("r", 100))
		in.UserID, in.Reason, in.Actor.ID = user, strings.Repeat("가", 200), strings.Repeat("o", 128)
		_, err := w.Adjust(w.Context(), in)
		w.Must(err)
		_, err = w.Spend(w.Context(), point.SpendInput{UserID: user, Amount: 1_000_000_000, Reference: strings.Repeat("r", 100),
			Description: strings.Repeat("가", 200), Actor: domaintest.Minji()})
		w.Must(err)
		w.WantBalance(user, 0)
	})
}

// TestSpendOfExpiredPointsIsRefusedBeforeTheJobRan also at the very moment of the expiry.
func TestSpendOfExpiredPointsIsRefusedBeforeTheJobRan(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		w.Lifetimes = point.Lifetimes{Bonus: point.Days(10)}
		w.Charged()
		clock.Pass(10*domaintest.Day - time.Microsecond)
		w.MustSpend(100, "order-1")
		clock.Pass(time.Microsecond)
		_, err := w.Spend(w.Context(), point.SpendInput{UserID: "minji", Amount: 5001, Reference: "order-2", Actor: domaintest.Minji()})
		w.WantCode(err, apierror.InsufficientPoints)
		w.MustSpend(5000, "order-3")
		w.WantHistory("CHARGE 5000", "BONUS 500", "SPEND -100", "EXPIRE -400", "SPEND -5000")
	})
}
