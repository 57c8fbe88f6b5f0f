package point_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"pointcharge/internal/point"
)

func TestCancelSpendGivesBackToTheLotsItCameFrom(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.spend(700, "order-1") // 500 bonus, 200 paid
		first, err := w.cancelSpend("order-1", 300, "c-1")
		w.must(err)
		paid := w.lot("transaction_id = ?", charge.ID)
		w.wantUses(first, map[string]int64{paid.ID + " RETURN": -200, w.bonusLot(charge).ID + " RETURN": -100})
		wantPoints(w.T, "paid points", paid.Remaining, 5000)
		_, err = w.cancelSpend("order-1", 400, "c-2")
		w.must(err)
		wantPoints(w.T, "bonus points", w.bonusLot(charge).Remaining, 500)
		w.wantHistory("CHARGE 5000", "BONUS 500", "SPEND -700", "SPEND_CANCEL 300", "SPEND_CANCEL 400")
	})
}

func TestCancelSpendNamesTheSpend(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
		spend := w.spend(700, "order-1")
		line, err := w.cancelSpend("order-1", 700, "c-1")
		w.must(err)
		if line.ReversesID == nil || *line.ReversesID != spend.ID || *line.Reference != "c-1" || line.BalanceAfter != full {
			w.Fatalf("unexpected line %+v", line)
		}
	})
}

func TestCancelSpendNeverGivesBackMoreThanWasSpent(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
		w.spend(700, "order-1")
		w.spend(700, "order-2")
		_, err := w.cancelSpend("order-1", 701, "c-1")
		w.wantCode(err, point.InvalidArgument)
		_, err = w.cancelSpend("order-1", 699, "c-1")
		w.must(err)
		_, err = w.cancelSpend("order-1", 2, "c-2")
		w.wantCode(err, point.InvalidArgument)
		_, err = w.cancelSpend("order-1", 1, "c-2")
		w.must(err)
		w.wantBalance("minji", full-700)
	})
}

func TestCancelSpendAtOnceNeverGivesBackMoreThanWasSpent(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
		w.spend(1000, "order-1")
		var n, done atomic.Int64
		together(times(16, func() {
			_, err := w.cancelSpend("order-1", 300, "c-"+strings.Repeat("x", int(n.Add(1))))
			switch point.CodeOf(err) {
			case "":
				done.Add(1)
			case point.InvalidArgument:
			default:
				w.Errorf("cancel: %v", err)
			}
		})...)
		wantPoints(w.T, "cancellations", done.Load(), 3)
		w.wantBalance("minji", full-100)
	})
}

func TestCancelSpendIsDoneOncePerCancellation(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
		w.spend(700, "order-1")
		w.spend(700, "order-2")
		first, err := w.cancelSpend("order-1", 200, "c-1")
		w.must(err)
		again, err := w.cancelSpend("order-1", 200, "c-1")
		w.must(err)
		if first.ID != again.ID {
			w.Fatalf("first %+v, then %+v", first, again)
		}
		_, err = w.cancelSpend("order-1", 300, "c-1")
		w.wantCode(err, point.InvalidArgument)
		_, err = w.cancelSpend("order-2", 200, "c-1")
		w.wantCode(err, point.InvalidArgument)
		w.wantBalance("minji", full-1200)
	})
}

func TestCancelSpendOfNothingKnownIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
		w.spend(700, "order-1")
		for name, c := range map[string]struct {
			in   point.CancelSpendInput
			code point.Code
		}{
			"another user's":   {point.CancelSpendInput{UserID: "junho", Reference: "order-1", Amount: 1, Cancellation: "c"}, point.NotFound},
			"unknown":          {point.CancelSpendInput{UserID: "minji", Reference: "order-2", Amount: 1, Cancellation: "c"}, point.NotFound},
			"NUL":              {point.CancelSpendInput{UserID: "minji", Reference: "\x00", Amount: 1, Cancellation: "c"}, point.InvalidArgument},
			"nothing":          {point.CancelSpendInput{UserID: "minji", Reference: "order-1", Cancellation: "c"}, point.InvalidArgument},
			"less":             {point.CancelSpendInput{UserID: "minji", Reference: "order-1", Amount: -1, Cancellation: "c"}, point.InvalidArgument},
			"no cancellation":  {point.CancelSpendInput{UserID: "minji", Reference: "order-1", Amount: 1}, point.InvalidArgument},
			"NUL in the user":  {point.CancelSpendInput{UserID: "\x00", Reference: "order-1", Amount: 1, Cancellation: "c"}, point.InvalidArgument},
			"bad cancellation": {point.CancelSpendInput{UserID: "minji", Reference: "order-1", Amount: 1, Cancellation: "\n"}, point.InvalidArgument},
		} {
			if _, err := w.CancelSpend(w.Context(), c.in); point.CodeOf(err) != c.code {
				w.Errorf("%s: %v", name, err)
			}
		}
		w.wantBalance("minji", full-700)
	})
}

func TestCancelSpendOfExpiredPointsMakesANewLot(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		w.Lifetimes = point.Lifetimes{Bonus: 10 * day}
		charge := charged(w)
		w.spend(700, "order-1")
		clock.pass(10 * day)
		line, err := w.cancelSpend("order-1", 700, "c-1")
		w.must(err)
		anew := w.lot("transaction_id = ?", line.ID)
		if anew.Initial != 500 || anew.Kind != point.LotBonus || *anew.ReplacesID != w.bonusLot(charge).ID ||
			!anew.ExpiresAt.Equal(clock.now().Add(30*day)) {
			w.Fatalf("unexpected lot %+v", anew)
		}
		w.wantSpendable(full)
		clock.pass(30 * day)
		w.wantSpendable(5000)
	})
}

// TestCancelSpendOfAReplacedLot spends the replacement, lets it expire and cancels that as well, in two parts.
func TestCancelSpendOfAReplacedLot(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		w.Lifetimes = point.Lifetimes{Bonus: 10 * day, Returned: 5 * day}
		charged(w)
		w.spend(500, "order-1")
		clock.pass(10 * day)
		for _, c := range []string{"c-1", "c-2"} {
			_, err := w.cancelSpend("order-1", 250, c)
			w.must(err)
		}
		w.spend(500, "order-2")
		clock.pass(5 * day)
		_, err := w.cancelSpend("order-2", 500, "c-3")
		w.must(err)
		_, err = w.cancelSpend("order-1", 1, "c-4")
		w.wantCode(err, point.InvalidArgument)
		w.wantSpendable(full)
	})
}

func TestCancelSpendRepaysDebtFirst(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.spend(full, "order-1")
		w.consoleCancel(*charge.ImpUID, 1000) // takes 1,100
		w.wantBalance("minji", -1100)
		line, err := w.cancelSpend("order-1", 1000, "c-1")
		w.must(err)
		paid := w.lot("transaction_id = ?", charge.ID).ID
		w.wantUses(line, map[string]int64{paid + " RETURN": -1000, paid + " DEBT": 1000})
		w.wantSpendable(0)
		_, err = w.cancelSpend("order-1", full-1000, "c-2")
		w.must(err)
		w.wantSpendable(full - 1100)
	})
}

func TestCancelSpendRepaysDebtFromANewLot(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		w.Lifetimes = point.Lifetimes{Paid: 10 * day, Bonus: 10 * day}
		charge := charged(w)
		w.spend(full, "order-1")
		w.consoleCancel(*charge.ImpUID, 1000)
		clock.pass(10 * day)
		_, err := w.cancelSpend("order-1", full, "c-1")
		w.must(err)
		w.wantSpendable(full - 1100)
	})
}

func TestCancelSpendRepaysAPointOfDebt(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.spend(full, "order-1")
		w.consoleCancel(*charge.ImpUID, 1)
		_, err := w.cancelSpend("order-1", 100, "c-1")
		w.must(err)
		w.wantSpendable(99)
	})
}
