package point_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

func (w *world) wantOrder(charge point.Transaction, status point.OrderStatus) {
	w.Helper()
	order, err := w.Order(w.Context(), charge.UserID, *charge.Reference)
	w.must(err)
	if order.Status != status {
		w.Fatalf("the order is %s, want %s", order.Status, status)
	}
}

func TestF16AFullConsoleCancelTakesEverythingBack(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.consoleCancel(*charge.ImpUID, 5000)
		w.wantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -5500")
		w.wantOrder(charge, point.OrderCancelled)
		w.wantProblem(*charge.ImpUID, point.NoProblem)
	})
}

func TestF15APartialCancelTakesItsShareFromTheBonusFirst(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.consoleCancel(*charge.ImpUID, 1000)
		w.wantBalance("minji", full-1100)
		wantPoints(w.T, "bonus points", w.bonusLot(charge).Remaining, 0)
		wantPoints(w.T, "paid points", w.left(charge), 4400)
		w.wantOrder(charge, point.OrderPartiallyCancelled)
	})
}

func TestAClawbackNamesItsCancellationAndItsCharge(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.consoleCancel(*charge.ImpUID, 1000)
		p, _ := w.gateway.Payment(*charge.ImpUID)
		var line point.Transaction
		w.must(w.DB.Where("kind = ?", point.KindChargeCancel).Take(&line).Error)
		if *line.CancellationID != p.CancelHistory[0].CancellationID || *line.ImpUID != *charge.ImpUID || *line.ReversesID != charge.ID {
			w.Fatalf("unexpected line %+v", line)
		}
	})
}

func TestF15ARepeatedNoticeTakesNothingMore(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.consoleCancel(*charge.ImpUID, 1000)
		for range 3 {
			w.sync(*charge.ImpUID)
		}
		w.consoleCancel(*charge.ImpUID, 1000)
		w.consoleCancel(*charge.ImpUID, 3000)
		w.sync(*charge.ImpUID)
		w.wantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -1100", "CHARGE_CANCEL -1100", "CHARGE_CANCEL -3300")
	})
}

func TestSeveralCancelsLearnedOfAtOnceAreALineEach(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		for _, won := range []string{"1000", "2000", "500"} {
			w.must(w.gateway.Cancel(*charge.ImpUID, json.Number(won)))
		}
		w.sync(*charge.ImpUID)
		w.wantBalance("minji", 1650)
		if n := w.count("point_transactions", "kind = 'CHARGE_CANCEL'"); n != 3 {
			w.Fatalf("%d lines, want 3", n)
		}
	})
}

func TestOneCancelLearnedOfByManyAtOnceIsOneLine(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.must(w.gateway.Cancel(*charge.ImpUID, "1000"))
		together(times(20, func() { w.syncInRace(*charge.ImpUID) })...)
		w.wantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -1100")
	})
}

func TestAClawbackGoesOnToTheUsersOtherLots(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		gift := w.give(100, "gift")
		first, second := charged(w), charged(w)
		w.give(-100-full, "shift") // the gift and the bonuses go first: these are the oldest lots
		w.consoleCancel(*second.ImpUID, 5000)
		w.wantBalance("minji", 0)
		for what, line := range map[string]point.Transaction{"gift": gift, "first": first, "second": second} {
			wantPoints(w.T, what, w.left(line), 0)
		}
	})
}

func TestAClawbackTakesTheOtherLotsInTheirOrder(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.stopClock()
		charge := charged(w)
		w.spend(full, "order-1")
		other := charged(w)
		w.consoleCancel(*charge.ImpUID, 1000)
		wantPoints(w.T, "the other bonus", w.bonusLot(other).Remaining, 0)
		wantPoints(w.T, "the other paid points", w.left(other), 4400)
	})
}

func TestF33SpentPointsBecomeDebtThatTheNextChargeRepays(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.spend(full, "order-1")
		w.consoleCancel(*charge.ImpUID, 5000)
		if wallet := w.wallet(); wallet.Balance != -full || wallet.Debt() != full || wallet.Spendable != 0 {
			w.Fatalf("unexpected wallet %+v", wallet)
		}
		_, err := w.Spend(w.Context(), point.SpendInput{UserID: "minji", Amount: 1, Reference: "order-2"})
		w.wantCode(err, point.InsufficientPoints)
		w.consoleCancel(*charged(w).ImpUID, 1000) // repaid by the charge, owed again
		if wallet := w.wallet(); wallet.Balance != -1100 || wallet.Spendable != 0 {
			w.Fatalf("unexpected wallet %+v", wallet)
		}
		charged(w)
		w.wantSpendable(full - 1100)
	})
}

func TestPartOfAClawbackMayBecomeDebt(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.spend(5000, "order-1")
		w.consoleCancel(*charge.ImpUID, 5000)
		w.wantBalance("minji", -5000)
		next := charged(w)
		w.wantSpendable(500)
		wantPoints(w.T, "paid points", w.left(next), 0)
	})
}

func TestExpiredPointsAreNotThereToBeClawedBack(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, charge := expiring(w)
		clock.pass(10 * day)
		w.consoleCancel(*charge.ImpUID, 5000)
		w.wantHistory("CHARGE 5000", "BONUS 500", "EXPIRE -500", "CHARGE_CANCEL -5500")
		w.wantBalance("minji", -500)
	})
}

func TestAPaymentPartlyCancelledBeforeItsCreditIsBoth(t *testing.T) {
	t.Parallel()
	for _, s := range []string{sandbox.Cancelled, sandbox.Paid} { // providers differ (contract §0.3)
		t.Run(s, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				impUID := w.pay(w.order("minji"))
				w.must(w.gateway.Cancel(impUID, "1000"))
				w.edit(impUID, status(s))
				line, err := w.Charge(w.Context(), "minji", impUID)
				w.must(err)
				w.wantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -1100")
				w.wantOrder(line, point.OrderPartiallyCancelled)
			})
		})
	}
}

func TestAPaymentCancelledInFullBeforeItsCreditGivesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.pay(w.order("minji"))
		w.must(w.gateway.Cancel(impUID, "0"))
		_, err := w.Charge(w.Context(), "minji", impUID)
		w.wantCode(err, point.PaymentNotPaid)
		w.wantHistory()
	})
}

// TestManySmallCancelsSumExactly uses a price that its points and bonus do not divide.
func TestManySmallCancelsSumExactly(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	each(t, func(w *world) {
		random := rand.New(rand.NewPCG(seed, 0))
		charge := chargeBuying(w, 997, 331, 17)
		for left := int64(997); left > 0; {
			won := min(left, 1+random.Int64N(60))
			w.consoleCancel(*charge.ImpUID, won)
			left -= won
			cancelled := 997 - left
			w.wantBalance("minji", 348-331*cancelled/997-17*cancelled/997)
		}
		w.wantBalance("minji", 0)
	})
}

func TestACancelWorthNoWholePointWritesNoLine(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := chargeBuying(w, 1000, 10, 0)
		w.consoleCancel(*charge.ImpUID, 99)
		w.wantHistory("CHARGE 10")
		w.consoleCancel(*charge.ImpUID, 1)
		w.wantHistory("CHARGE 10", "CHARGE_CANCEL -1")
	})
}
