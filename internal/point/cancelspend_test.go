package point_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
)

func TestCancelSpendGivesBackToTheLotsItCameFrom(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.MustSpend(700, "order-1") // 500 bonus, 200 paid
		first, err := w.GiveBack("order-1", 300, "c-1")
		w.Must(err)
		paid := w.LotWhere("transaction_id = ?", credited.ID)
		w.wantUses(first, map[string]int64{paid.ID + " RETURN": -200, w.BonusLot(credited).ID + " RETURN": -100})
		domaintest.WantPoints(w.T, "paid points", paid.Remaining, 5000)
		_, err = w.GiveBack("order-1", 400, "c-2")
		w.Must(err)
		domaintest.WantPoints(w.T, "bonus points", w.BonusLot(credited).Remaining, 500)
		w.WantHistory("CHARGE 5000", "BONUS 500", "SPEND -700", "SPEND_CANCEL 300", "SPEND_CANCEL 400")
	})
}

func TestCancelSpendNamesTheSpend(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		spend := w.MustSpend(700, "order-1")
		line, err := w.GiveBack("order-1", 700, "c-1")
		w.Must(err)
		if line.ReversesID == nil || *line.ReversesID != spend.ID || *line.Reference != "c-1" || line.BalanceAfter != domaintest.Full {
			w.Fatalf("unexpected line %+v", line)
		}
	})
}

func TestCancelSpendNeverGivesBackMoreThanWasSpent(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		w.MustSpend(700, "order-1")
		w.MustSpend(700, "order-2")
		_, err := w.GiveBack("order-1", 701, "c-1")
		w.WantCode(err, apierror.InvalidArgument)
		_, err = w.GiveBack("order-1", 699, "c-1")
		w.Must(err)
		_, err = w.GiveBack("order-1", 2, "c-2")
		w.WantCode(err, apierror.InvalidArgument)
		_, err = w.GiveBack("order-1", 1, "c-2")
		w.Must(err)
		w.WantBalance("minji", domaintest.Full-700)
	})
}

func TestCancelSpendAtOnceNeverGivesBackMoreThanWasSpent(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		w.MustSpend(1000, "order-1")
		var n, done atomic.Int64
		domaintest.Together(domaintest.Repeat(16, func() {
			_, err := w.GiveBack("order-1", 300, "c-"+strings.Repeat("x", int(n.Add(1))))
			switch apierror.CodeOf(err) {
			case "":
				done.Add(1)
			case apierror.InvalidArgument:
			default:
				w.Errorf("cancel: %v", err)
			}
		})...)
		domaintest.WantPoints(w.T, "cancellations", done.Load(), 3)
		w.WantBalance("minji", domaintest.Full-100)
	})
}

func TestCancelSpendIsDoneOncePerCancellation(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		w.MustSpend(700, "order-1")
		w.MustSpend(700, "order-2")
		first, err := w.GiveBack("order-1", 200, "c-1")
		w.Must(err)
		again, err := w.GiveBack("order-1", 200, "c-1")
		w.Must(err)
		if first.ID != again.ID {
			w.Fatalf("first %+v, then %+v", first, again)
		}
		_, err = w.GiveBack("order-1", 300, "c-1")
		w.WantCode(err, apierror.InvalidArgument)
		_, err = w.GiveBack("order-2", 200, "c-1")
		w.WantCode(err, apierror.InvalidArgument)
		w.WantBalance("minji", domaintest.Full-1200)
	})
}

func TestCancelSpendOfNothingKnownIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		w.MustSpend(700, "order-1")
		for name, c := range map[string]struct {
			in   point.CancelSpendInput
			code apierror.Code
		}{
			"another user's":   {point.CancelSpendInput{UserID: "junho", Reference: "order-1", Amount: 1, Cancellation: "c", Actor: domaintest.Minji()}, apierror.NotFound},
			"unknown":          {point.CancelSpendInput{UserID: "minji", Reference: "order-2", Amount: 1, Cancellation: "c", Actor: domaintest.Minji()}, apierror.NotFound},
			"NUL":              {point.CancelSpendInput{UserID: "minji", Reference: "\x00", Amount: 1, Cancellation: "c", Actor: domaintest.Minji()}, apierror.InvalidArgument},
			"nothing":          {point.CancelSpendInput{UserID: "minji", Reference: "order-1", Cancellation: "c", Actor: domaintest.Minji()}, apierror.InvalidArgument},
			"less":             {point.CancelSpendInput{UserID: "minji", Reference: "order-1", Amount: -1, Cancellation: "c", Actor: domaintest.Minji()}, apierror.InvalidArgument},
			"no cancellation":  {point.CancelSpendInput{UserID: "minji", Reference: "order-1", Amount: 1, Actor: domaintest.Minji()}, apierror.InvalidArgument},
			"NUL in the user":  {point.CancelSpendInput{UserID: "\x00", Reference: "order-1", Amount: 1, Cancellation: "c", Actor: domaintest.Minji()}, apierror.InvalidArgument},
			"bad cancellation": {point.CancelSpendInput{UserID: "minji", Reference: "order-1", Amount: 1, Cancellation: "\n", Actor: domaintest.Minji()}, apierror.InvalidArgument},
		} {
			if _, err := w.CancelSpend(w.Context(), c.in); apierror.CodeOf(err) != c.code {
				w.Errorf("%s: %v", name, err)
			}
		}
		w.WantBalance("minji", domaintest.Full-700)
	})
}

func TestCancelSpendOfExpiredPointsMakesANewLot(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		w.Lifetimes = point.Lifetimes{Bonus: point.Days(10)}
		credited := w.Charged()
		w.MustSpend(700, "order-1")
		clock.Pass(10 * domaintest.Day)
		line, err := w.GiveBack("order-1", 700, "c-1")
		w.Must(err)
		anew := w.LotWhere("transaction_id = ?", line.ID)
		if anew.Initial != 500 || anew.Kind != point.LotBonus || *anew.ReplacesID != w.BonusLot(credited).ID ||
			!anew.ExpiresAt.Equal(clock.Now().Add(30*domaintest.Day)) {
			w.Fatalf("unexpected lot %+v", anew)
		}
		w.WantSpendable(domaintest.Full)
		clock.Pass(30 * domaintest.Day)
		w.WantSpendable(5000)
	})
}

// TestCancelSpendOfAReplacedLot spends the replacement, lets it expire and cancels that as well,
// in two parts.
func TestCancelSpendOfAReplacedLot(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		w.Lifetimes = point.Lifetimes{Bonus: point.Days(10), Returned: point.Days(5)}
		w.Charged()
		w.MustSpend(500, "order-1")
		clock.Pass(10 * domaintest.Day)
		for _, c := range []string{"c-1", "c-2"} {
			_, err := w.GiveBack("order-1", 250, c)
			w.Must(err)
		}
		w.MustSpend(500, "order-2")
		clock.Pass(5 * domaintest.Day)
		_, err := w.GiveBack("order-2", 500, "c-3")
		w.Must(err)
		_, err = w.GiveBack("order-1", 1, "c-4")
		w.WantCode(err, apierror.InvalidArgument)
		w.WantSpendable(domaintest.Full)
	})
}

func TestCancelSpendRepaysDebtFirst(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.MustSpend(domaintest.Full, "order-1")
		w.CancelAtConsole(*credited.ImpUID, 1000) // takes 1,100
		w.WantBalance("minji", -1100)
		line, err := w.GiveBack("order-1", 1000, "c-1")
		w.Must(err)
		paid := w.LotWhere("transaction_id = ?", credited.ID).ID
		w.wantUses(line, map[string]int64{paid + " RETURN": -1000, paid + " DEBT": 1000})
		w.WantSpendable(0)
		_, err = w.GiveBack("order-1", domaintest.Full-1000, "c-2")
		w.Must(err)
		w.WantSpendable(domaintest.Full - 1100)
	})
}

func TestCancelSpendRepaysDebtFromANewLot(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		w.Lifetimes = point.Lifetimes{Paid: point.Days(10), Bonus: point.Days(10)}
		credited := w.Charged()
		w.MustSpend(domaintest.Full, "order-1")
		w.CancelAtConsole(*credited.ImpUID, 1000)
		clock.Pass(10 * domaintest.Day)
		_, err := w.GiveBack("order-1", domaintest.Full, "c-1")
		w.Must(err)
		w.WantSpendable(domaintest.Full - 1100)
	})
}

func TestCancelSpendRepaysAPointOfDebt(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.ChargeFor(5000, 5000, 0) // of bonus, a part would be owed, too
		w.MustSpend(5000, "order-1")
		w.CancelAtConsole(*credited.ImpUID, 1)
		_, err := w.GiveBack("order-1", 100, "c-1")
		w.Must(err)
		w.WantSpendable(99)
	})
}
