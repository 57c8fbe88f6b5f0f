package charge_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

func (w *world) wantOrder(credited point.Transaction, status charge.OrderStatus) {
	w.Helper()
	order, err := w.Order(w.Context(), credited.UserID, *credited.Reference)
	w.Must(err)
	if order.Status != status {
		w.Fatalf("the order is %s, want %s", order.Status, status)
	}
}

func TestF16AFullConsoleCancelTakesEverythingBack(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.CancelAtConsole(*credited.ImpUID, 5000)
		w.WantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -5500")
		w.wantOrder(credited, charge.OrderCancelled)
		w.WantProblem(*credited.ImpUID, charge.NoProblem)
	})
}

func TestD14APartialCancelTakesItsShareOfEachKind(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.CancelAtConsole(*credited.ImpUID, 1000)
		w.WantBalance("minji", domaintest.Full-1100)
		domaintest.WantPoints(w.T, "bonus points", w.BonusLot(credited).Remaining, 400)
		domaintest.WantPoints(w.T, "paid points", w.LotRemaining(credited), 4000)
		w.wantOrder(credited, charge.OrderPartiallyCancelled)
	})
}

func TestAClawbackNamesItsCancellationAndItsCharge(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.CancelAtConsole(*credited.ImpUID, 1000)
		p, _ := w.Sandbox.Payment(*credited.ImpUID)
		var line point.Transaction
		w.Must(w.DB.Where("kind = ?", point.KindChargeCancel).Take(&line).Error)
		if *line.CancellationID != p.CancelHistory[0].CancellationID || *line.ImpUID != *credited.ImpUID || *line.ReversesID != credited.ID {
			w.Fatalf("unexpected line %+v", line)
		}
	})
}

func TestF15ARepeatedNoticeTakesNothingMore(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.CancelAtConsole(*credited.ImpUID, 1000)
		for range 3 {
			w.MustSync(*credited.ImpUID)
		}
		w.CancelAtConsole(*credited.ImpUID, 1000)
		w.CancelAtConsole(*credited.ImpUID, 3000)
		w.MustSync(*credited.ImpUID)
		w.WantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -1100", "CHARGE_CANCEL -1100", "CHARGE_CANCEL -3300")
	})
}

func TestSeveralCancelsLearnedOfAtOnceAreALineEach(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		for _, won := range []string{"1000", "2000", "500"} {
			w.Must(w.Sandbox.Cancel(*credited.ImpUID, json.Number(won)))
		}
		w.MustSync(*credited.ImpUID)
		w.WantBalance("minji", 1650)
		if n := w.Count("point_transactions", "kind = 'CHARGE_CANCEL'"); n != 3 {
			w.Fatalf("%d lines, want 3", n)
		}
	})
}

func TestOneCancelLearnedOfByManyAtOnceIsOneLine(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.Must(w.Sandbox.Cancel(*credited.ImpUID, "1000"))
		domaintest.Together(domaintest.Repeat(20, func() { w.SyncInRace(*credited.ImpUID) })...)
		w.WantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -1100")
	})
}

func TestAClawbackGoesOnToTheUsersOtherLots(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		gift := w.Give(100, "gift")
		first, second := w.Charged(), w.Charged()
		w.Give(-100-domaintest.Full, "shift") // the gift and the bonuses go first: these are the oldest lots
		w.CancelAtConsole(*second.ImpUID, 5000)
		w.WantBalance("minji", 0)
		for what, line := range map[string]point.Transaction{"gift": gift, "first": first, "second": second} {
			domaintest.WantPoints(w.T, what, w.LotRemaining(line), 0)
		}
	})
}

func TestAClawbackTakesTheOtherLotsInTheirOrder(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.StopClock()
		credited := w.Charged()
		w.MustSpend(domaintest.Full, "order-1")
		other := w.Charged()
		w.CancelAtConsole(*credited.ImpUID, 1000)
		domaintest.WantPoints(w.T, "the other bonus", w.BonusLot(other).Remaining, 0)
		domaintest.WantPoints(w.T, "the other paid points", w.LotRemaining(other), 4400)
	})
}

func TestF33SpentPointsBecomeDebtThatTheNextChargeRepays(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.MustSpend(domaintest.Full, "order-1")
		w.CancelAtConsole(*credited.ImpUID, 5000)
		if wallet := w.MustWallet(); wallet.Balance != -domaintest.Full || wallet.Debt() != domaintest.Full || wallet.Spendable != 0 {
			w.Fatalf("unexpected wallet %+v", wallet)
		}
		_, err := w.Spend(w.Context(), point.SpendInput{UserID: "minji", Amount: 1, Reference: "order-2", Actor: domaintest.Minji()})
		w.WantCode(err, apierror.InsufficientPoints)
		w.CancelAtConsole(*w.Charged().ImpUID, 1000) // repaid by the charge, owed again
		if wallet := w.MustWallet(); wallet.Balance != -1100 || wallet.Spendable != 0 {
			w.Fatalf("unexpected wallet %+v", wallet)
		}
		w.Charged()
		w.WantSpendable(domaintest.Full - 1100)
	})
}

func TestPartOfAClawbackMayBecomeDebt(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.MustSpend(5000, "order-1")
		w.CancelAtConsole(*credited.ImpUID, 5000)
		w.WantBalance("minji", -5000)
		next := w.Charged()
		w.WantSpendable(500)
		domaintest.WantPoints(w.T, "paid points", w.LotRemaining(next), 0)
	})
}

func TestExpiredPointsAreNotThereToBeClawedBack(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, credited := w.Expiring()
		clock.Pass(10 * domaintest.Day)
		w.CancelAtConsole(*credited.ImpUID, 5000)
		w.WantHistory("CHARGE 5000", "BONUS 500", "EXPIRE -500", "CHARGE_CANCEL -5000")
		w.WantBalance("minji", 0)
	})
}

func TestAPaymentPartlyCancelledBeforeItsCreditIsBoth(t *testing.T) {
	t.Parallel()
	for _, s := range []string{sandbox.Cancelled, sandbox.Paid} { // providers differ (contract §0.3)
		t.Run(s, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				impUID := w.Pay(w.OpenOrder("minji"))
				w.Must(w.Sandbox.Cancel(impUID, "1000"))
				w.EditPayment(impUID, domaintest.WithStatus(s))
				line, err := w.Charge(w.Context(), "minji", impUID)
				w.Must(err)
				w.WantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -1100")
				w.wantOrder(line, charge.OrderPartiallyCancelled)
			})
		})
	}
}

func TestAPaymentCancelledInFullBeforeItsCreditGivesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.Pay(w.OpenOrder("minji"))
		w.Must(w.Sandbox.Cancel(impUID, "0"))
		_, err := w.Charge(w.Context(), "minji", impUID)
		w.WantCode(err, apierror.PaymentNotPaid)
		w.WantHistory()
	})
}

// TestManySmallCancelsSumExactly uses a price that its points and bonus do not divide.
func TestManySmallCancelsSumExactly(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	each(t, func(w *world) {
		random := rand.New(rand.NewPCG(seed, 0))
		credited := w.ChargeFor(997, 331, 17)
		for left := int64(997); left > 0; {
			won := min(left, 1+random.Int64N(60))
			w.CancelAtConsole(*credited.ImpUID, won)
			left -= won
			w.WantBalance("minji", 331*left/997+17*left/997)
		}
		w.WantBalance("minji", 0)
	})
}

// TestD10WhatIsKeptBuysWholePoints: the first won takes the point that it is a part of.
func TestD10WhatIsKeptBuysWholePoints(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.ChargeFor(1000, 10, 0)
		w.CancelAtConsole(*credited.ImpUID, 1)
		w.WantHistory("CHARGE 10", "CHARGE_CANCEL -1")
		w.CancelAtConsole(*credited.ImpUID, 99)
		w.WantHistory("CHARGE 10", "CHARGE_CANCEL -1")
		w.CancelAtConsole(*credited.ImpUID, 1)
		w.WantHistory("CHARGE 10", "CHARGE_CANCEL -1", "CHARGE_CANCEL -1")
	})
}
