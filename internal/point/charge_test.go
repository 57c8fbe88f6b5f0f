package point_test

import (
	"errors"
	"testing"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

const full = 5500 // product.Points + product.BonusPoints

func TestChargeCreditsAPaidPayment(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.order("minji")
		impUID := w.pay(order)
		line, err := w.Charge(w.Context(), "minji", impUID)
		w.must(err)
		if line.Kind != point.KindCharge || line.Amount != 5000 || line.BalanceAfter != 5000 || *line.ImpUID != impUID {
			w.Fatalf("unexpected line %+v", line)
		}
		w.wantBalance("minji", full)
		order, err = w.Order(w.Context(), "minji", order.MerchantUID)
		w.must(err)
		if order.Status != point.OrderPaid || *order.ImpUID != impUID || order.ClaimedAt == nil {
			w.Fatalf("unexpected order %+v", order)
		}
	})
}

func TestF2TheWebhookMayComeBeforeTheBrowser(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.pay(w.order("minji"))
		_, err := w.Sync(w.Context(), impUID)
		w.must(err)
		_, err = w.Charge(w.Context(), "minji", impUID)
		w.must(err)
		w.wantBalance("minji", full)
	})
}

func TestF3F35ARepeatedChargeIsRefusedAndNamesTheLine(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.pay(w.order("minji"))
		line, err := w.Charge(w.Context(), "minji", impUID)
		w.must(err)
		for range 3 {
			_, err = w.Charge(w.Context(), "minji", impUID)
			w.wantCode(err, point.PaymentAlreadyCharged)
			if refusal, _ := errors.AsType[*point.Error](err); refusal.TransactionID != line.ID {
				w.Fatalf("the refusal names %q, want %q", refusal.TransactionID, line.ID)
			}
		}
		w.wantBalance("minji", full)
	})
}

func TestF7F23OnlyPaidPaymentsAreCredited(t *testing.T) {
	t.Parallel()
	for _, s := range []string{sandbox.Ready, sandbox.Failed, sandbox.Cancelled} {
		t.Run(s, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				impUID := w.pay(w.order("minji"), status(s))
				_, err := w.Charge(w.Context(), "minji", impUID)
				w.wantCode(err, point.PaymentNotPaid)
				w.wantBalance("minji", 0)
				w.wantProblem(impUID, point.NoProblem)
			})
		})
	}
}

func TestF9AStrangerGetsNothingAndTheOwnerStillGetsTheirs(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.pay(w.order("minji"))
		_, before := w.Charge(w.Context(), "junho", impUID)
		w.wantProblem(impUID, point.AnotherUser)
		w.wantBalance("minji", 0)
		_, err := w.Charge(w.Context(), "minji", impUID)
		w.must(err)
		_, after := w.Charge(w.Context(), "junho", impUID)
		_, unknown := w.Charge(w.Context(), "junho", "imp_000000000000")
		for _, err := range []error{before, after, unknown} {
			w.wantCode(err, point.PaymentNotFound)
			if message(err) != message(unknown) {
				w.Fatalf("%q tells more than %q", message(err), message(unknown))
			}
		}
		w.wantProblem(impUID, point.NoProblem)
		w.wantBalance("minji", full)
		w.wantBalance("junho", 0)
	})
}

func message(err error) string {
	refusal, _ := errors.AsType[*point.Error](err)
	return refusal.Message
}

func TestChargeRefusesAndKeepsWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		edit    func(*sandbox.Payment)
		problem point.Problem
		code    point.Code
	}{
		"F6 less than the price":     {func(p *sandbox.Payment) { p.Amount = "4999" }, point.WrongAmount, point.PaymentMismatch},
		"F6 more than the price":     {func(p *sandbox.Payment) { p.Amount = "5001" }, point.WrongAmount, point.PaymentMismatch},
		"F6 nothing at all":          {func(p *sandbox.Payment) { p.Amount = "0" }, point.WrongAmount, point.PaymentMismatch},
		"F24 dollars":                {func(p *sandbox.Payment) { p.Amount, p.Currency = "50.00", "USD" }, point.WrongCurrency, point.PaymentMismatch},
		"F24 dollars, same number":   {func(p *sandbox.Payment) { p.Currency = "USD" }, point.WrongCurrency, point.PaymentMismatch},
		"an unknown order":           {func(p *sandbox.Payment) { p.MerchantUID = "nobodys" }, point.UnknownOrder, point.PaymentNotFound},
		"real money in sandbox mode": {func(p *sandbox.Payment) { p.Sandbox = false }, point.WrongMode, point.PaymentMismatch},
		"paid, but wholly cancelled": {func(p *sandbox.Payment) { p.CancelAmount = "5000" }, point.NoProblem, point.PaymentNotPaid},
		"more cancelled than cancel_history says": {func(p *sandbox.Payment) { p.CancelAmount = "1000" },
			point.WrongCancellations, point.PaymentMismatch},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				impUID := w.pay(w.order("minji"), c.edit)
				_, err := w.Charge(w.Context(), "minji", impUID)
				w.wantCode(err, c.code)
				w.wantProblem(impUID, c.problem)
				w.wantBalance("minji", 0)
			})
		})
	}
}

func TestF20ASandboxPaymentIsWorthNothingInLiveMode(t *testing.T) {
	t.Parallel()
	eachLive(t, func(w *world) {
		order := w.order("minji")
		impUID := w.pay(order, func(p *sandbox.Payment) { p.Sandbox = true })
		_, err := w.Charge(w.Context(), "minji", impUID)
		w.wantCode(err, point.PaymentNotFound) // Iamport hides it (contract §0.1)
		_, err = w.SyncOrder(w.Context(), order.MerchantUID)
		w.must(err) // but lists it all the same
		w.wantProblem(impUID, point.WrongMode)
		w.wantBalance("minji", 0)
	})
}

func TestLiveModeCreditsRealMoney(t *testing.T) {
	t.Parallel()
	eachLive(t, func(w *world) {
		_, err := w.Charge(w.Context(), "minji", w.pay(w.order("minji")))
		w.must(err)
		w.wantBalance("minji", full)
	})
}

func TestASecondPaidPaymentForAnOrderIsKeptNotCredited(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.order("minji")
		_, err := w.Charge(w.Context(), "minji", w.pay(order))
		w.must(err)
		second := w.pay(order)
		_, err = w.Charge(w.Context(), "minji", second)
		w.wantCode(err, point.PaymentMismatch)
		w.wantProblem(second, point.OrderAlreadyPaid)
		w.wantBalance("minji", full)
	})
}

func TestF28ThePaidAttemptCountsNotTheNewest(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.order("minji")
		at := func(s string, started int64) func(*sandbox.Payment) {
			return func(p *sandbox.Payment) { p.Status, p.StartedAt = s, started }
		}
		w.pay(order, at(sandbox.Failed, 1_700_000_000))
		w.pay(order, at(sandbox.Paid, 1_700_000_100))
		w.pay(order, at(sandbox.Failed, 1_700_000_200))
		for range 2 {
			payments, err := w.SyncOrder(w.Context(), order.MerchantUID)
			w.must(err)
			if len(payments) != 3 {
				w.Fatalf("synced %d attempts, want 3", len(payments))
			}
		}
		w.wantBalance("minji", full)
	})
}

func TestF29AFailedPaymentMayStillBecomePaid(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.pay(w.order("minji"), status(sandbox.Failed))
		_, err := w.Charge(w.Context(), "minji", impUID)
		w.wantCode(err, point.PaymentNotPaid)
		w.edit(impUID, status(sandbox.Paid))
		_, err = w.Charge(w.Context(), "minji", impUID)
		w.must(err)
		w.wantBalance("minji", full)
	})
}

func TestF30NotYetPaidIsNotRefusedForGood(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.pay(w.order("minji"), status(sandbox.Ready))
		_, err := w.Charge(w.Context(), "minji", impUID)
		w.wantCode(err, point.PaymentNotPaid)
		w.edit(impUID, status(sandbox.Paid))
		_, err = w.Charge(w.Context(), "minji", impUID)
		w.must(err)
		w.wantBalance("minji", full)
	})
}

func TestF31APaymentNobodyReportedIsFoundByItsOrder(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.order("minji")
		w.pay(order)
		_, err := w.SyncOrder(w.Context(), order.MerchantUID)
		w.must(err)
		w.wantBalance("minji", full)
	})
}

func TestALatePaymentOfAnExpiredOrderStillCounts(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.order("minji")
		w.must(w.DB.Exec("UPDATE charge_orders SET status = 'EXPIRED' WHERE merchant_uid = ?", order.MerchantUID).Error)
		_, err := w.Charge(w.Context(), "minji", w.pay(order))
		w.must(err)
		w.wantBalance("minji", full)
	})
}

func TestAChangedProductDoesNotReachOpenOrders(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.order("minji")
		dearer := product
		dearer.Price, dearer.Points, dearer.Active = 1, 1_000_000, false
		_, err := w.UpsertProduct(w.Context(), dearer)
		w.must(err)
		_, err = w.Charge(w.Context(), "minji", w.pay(order))
		w.must(err)
		w.wantBalance("minji", full)
	})
}
