package point_test

import (
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pointcharge/internal/point"
)

func TestSpendTakesTheSoonestExpiryFirst(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Lifetimes = point.Lifetimes{Paid: 10 * day, Bonus: 20 * day}
		charge := charged(w)
		line := w.spend(5100, "order-1")
		w.wantUses(line, map[string]int64{w.lot("transaction_id = ?", charge.ID).ID + " USE": 5000, w.bonusLot(charge).ID + " USE": 100})
		w.wantBalance("minji", 400)
	})
}

func TestSpendTakesBonusBeforePaidAtTheSameExpiry(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.stopClock()
		w.Lifetimes = point.Lifetimes{Paid: 10 * day, Bonus: 10 * day}
		charge := charged(w)
		line := w.spend(600, "order-1")
		w.wantUses(line, map[string]int64{w.bonusLot(charge).ID + " USE": 500, w.lot("transaction_id = ?", charge.ID).ID + " USE": 100})
	})
}

func TestSpendTakesTheOldestOfEqualLots(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.stopClock()
		first, second := w.give(100, "a"), w.give(100, "b")
		w.spend(150, "order-1")
		wantPoints(w.T, "the older lot", w.left(first), 0)
		wantPoints(w.T, "the younger lot", w.left(second), 50)
	})
}

func TestSpendIsAllOrNothing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
		_, err := w.Spend(w.Context(), point.SpendInput{UserID: "minji", Amount: full + 1, Reference: "order-1"})
		w.wantCode(err, point.InsufficientPoints)
		if refusal, _ := errors.AsType[*point.Error](err); refusal.Balance == nil || *refusal.Balance != full {
			w.Fatalf("the refusal names %v points, want %d", refusal.Balance, full)
		}
		w.wantHistory("CHARGE 5000", "BONUS 500")
		w.spend(full, "order-1") // all of it, by the same reference: nothing was written
		w.wantBalance("minji", 0)
	})
}

func TestSpendRefusesWhoHasNeverCharged(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		_, err := w.Spend(w.Context(), point.SpendInput{UserID: "minji", Amount: 1, Reference: "order-1"})
		w.wantCode(err, point.InsufficientPoints)
		if n := w.count("wallets", "1 = 1"); n != 0 {
			w.Fatal("a wallet was made for nothing")
		}
	})
}

func TestSpendWithTheSameReferenceIsOneLine(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
		first := w.spend(5000, "order-1")
		again := w.spend(5000, "order-1")
		if first.ID != again.ID || again.BalanceAfter != 500 || again.Amount != -5000 || again.Kind != point.KindSpend {
			w.Fatalf("first %+v, then %+v", first, again)
		}
		w.wantBalance("minji", 500)
	})
}

func TestSpendRefusesAReferenceUsedForSomethingElse(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
		w.spend(100, "order-1")
		for _, in := range []point.SpendInput{{UserID: "minji", Amount: 101, Reference: "order-1"},
			{UserID: "minji", Amount: 100, Reference: "order-1", Description: "other"}} {
			_, err := w.Spend(w.Context(), in)
			w.wantCode(err, point.InvalidArgument)
		}
		w.wantBalance("minji", full-100)
	})
}

func TestSpendKeepsTheReferencesOfUsersApart(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
		w.spend(100, "order-1")
		_, err := w.Charge(w.Context(), "junho", w.pay(w.order("junho")))
		w.must(err)
		_, err = w.Spend(w.Context(), point.SpendInput{UserID: "junho", Amount: 300, Reference: "order-1"})
		w.must(err)
		w.wantBalance("junho", full-300)
	})
}

func TestSpendAtOnceWithOneReferenceIsOneLine(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
		var ids [20]string
		var place atomic.Int64
		together(times(len(ids), func() {
			line, err := w.Spend(w.Context(), point.SpendInput{UserID: "minji", Amount: 5000, Reference: "order-1"})
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
		w.wantBalance("minji", 500)
	})
}

func TestSpendRefusesNonsense(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
		good := point.SpendInput{UserID: "minji", Amount: 1, Reference: "r"}
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
			if _, err := w.Spend(w.Context(), in); point.CodeOf(err) != point.InvalidArgument {
				w.Errorf("%s: %v", name, err)
			}
		}
		w.wantBalance("minji", full)
	})
}

func TestSpendTakesInputsAtTheirLimits(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		user := strings.Repeat("u", 128)
		in := adjustment(1_000_000_000, strings.Repeat("r", 100))
		in.UserID, in.Reason, in.Operator = user, strings.Repeat("가", 200), strings.Repeat("o", 128)
		_, err := w.Adjust(w.Context(), in)
		w.must(err)
		_, err = w.Spend(w.Context(), point.SpendInput{UserID: user, Amount: 1_000_000_000, Reference: strings.Repeat("r", 100),
			Description: strings.Repeat("가", 200)})
		w.must(err)
		w.wantBalance(user, 0)
	})
}

// TestSpendOfExpiredPointsIsRefusedBeforeTheJobRan also at the very moment of the expiry.
func TestSpendOfExpiredPointsIsRefusedBeforeTheJobRan(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		w.Lifetimes = point.Lifetimes{Bonus: 10 * day}
		charged(w)
		clock.pass(10*day - time.Microsecond)
		w.spend(100, "order-1")
		clock.pass(time.Microsecond)
		_, err := w.Spend(w.Context(), point.SpendInput{UserID: "minji", Amount: 5001, Reference: "order-2"})
		w.wantCode(err, point.InsufficientPoints)
		w.spend(5000, "order-3")
		w.wantHistory("CHARGE 5000", "BONUS 500", "SPEND -100", "EXPIRE -400", "SPEND -5000")
	})
}
