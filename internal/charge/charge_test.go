package charge_test

import (
	"errors"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

func TestChargeCreditsAPaidPayment(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenOrder("minji")
		impUID := w.Pay(order)
		line, err := w.Charge(w.Context(), "minji", impUID)
		w.Must(err)
		if line.Kind != point.KindCharge || line.Amount != 5000 || line.BalanceAfter != 5000 || *line.ImpUID != impUID {
			w.Fatalf("unexpected line %+v", line)
		}
		w.WantBalance("minji", domaintest.Full)
		order, err = w.Order(w.Context(), "minji", order.MerchantUID)
		w.Must(err)
		if order.Status != charge.OrderPaid || *order.ImpUID != impUID || order.ClaimedAt == nil {
			w.Fatalf("unexpected order %+v", order)
		}
	})
}

func TestF2TheWebhookMayComeBeforeTheBrowser(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.Pay(w.OpenOrder("minji"))
		_, err := w.Sync(w.Context(), domaintest.Webhook(), impUID)
		w.Must(err)
		_, err = w.Charge(w.Context(), "minji", impUID)
		w.Must(err)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestF3F35ARepeatedChargeIsRefusedAndNamesTheLine(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.Pay(w.OpenOrder("minji"))
		line, err := w.Charge(w.Context(), "minji", impUID)
		w.Must(err)
		for range 3 {
			_, err = w.Charge(w.Context(), "minji", impUID)
			w.WantCode(err, apierror.PaymentAlreadyCharged)
			if id, _ := apierror.Param[string](err, apierror.ParamTransactionID); id != line.ID {
				w.Fatalf("the refusal names %q, want %q", id, line.ID)
			}
		}
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestF7F23OnlyPaidPaymentsAreCredited(t *testing.T) {
	t.Parallel()
	for _, s := range []string{sandbox.Ready, sandbox.Failed, sandbox.Cancelled} {
		t.Run(s, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				impUID := w.Pay(w.OpenOrder("minji"), domaintest.WithStatus(s))
				_, err := w.Charge(w.Context(), "minji", impUID)
				w.WantCode(err, apierror.PaymentNotPaid)
				w.WantBalance("minji", 0)
				w.WantProblem(impUID, charge.NoProblem)
			})
		})
	}
}

func TestF9AStrangerGetsNothingAndTheOwnerStillGetsTheirs(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.Pay(w.OpenOrder("minji"))
		_, before := w.Charge(w.Context(), "junho", impUID)
		w.WantProblem(impUID, charge.AnotherUser)
		w.WantBalance("minji", 0)
		_, err := w.Charge(w.Context(), "minji", impUID)
		w.Must(err)
		_, after := w.Charge(w.Context(), "junho", impUID)
		_, unknown := w.Charge(w.Context(), "junho", "imp_000000000000")
		for _, err := range []error{before, after, unknown} {
			w.WantCode(err, apierror.PaymentNotFound)
			if message(err) != message(unknown) {
				w.Fatalf("%q tells more than %q", message(err), message(unknown))
			}
		}
		w.WantProblem(impUID, charge.NoProblem)
		w.WantBalance("minji", domaintest.Full)
		w.WantBalance("junho", 0)
	})
}

func message(err error) string {
	refusal, _ := errors.AsType[*apierror.Error](err)
	return refusal.Message
}

func TestChargeRefusesAndKeepsWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		edit    func(*sandbox.Payment)
		problem charge.Problem
		code    apierror.Code
	}{
		"F6 less than the price":     {func(p *sandbox.Payment) { p.Amount = "4999" }, charge.WrongAmount, apierror.PaymentMismatch},
		"F6 more than the price":     {func(p *sandbox.Payment) { p.Amount = "5001" }, charge.WrongAmount, apierror.PaymentMismatch},
		"F6 nothing at all":          {func(p *sandbox.Payment) { p.Amount = "0" }, charge.WrongAmount, apierror.PaymentMismatch},
		"F24 dollars":                {func(p *sandbox.Payment) { p.Amount, p.Currency = "50.00", "USD" }, charge.WrongCurrency, apierror.PaymentMismatch},
		"F24 dollars, same number":   {func(p *sandbox.Payment) { p.Currency = "USD" }, charge.WrongCurrency, apierror.PaymentMismatch},
		"an unknown order":           {func(p *sandbox.Payment) { p.MerchantUID = "nobodys" }, charge.UnknownOrder, apierror.PaymentNotFound},
		"real money in sandbox mode": {func(p *sandbox.Payment) { p.Sandbox = false }, charge.WrongMode, apierror.PaymentMismatch},
		"paid, but wholly cancelled": {func(p *sandbox.Payment) { p.CancelAmount = "5000" }, charge.NoProblem, apierror.PaymentNotPaid},
		"more cancelled than cancel_history says": {func(p *sandbox.Payment) { p.CancelAmount = "1000" },
			charge.WrongCancellations, apierror.PaymentMismatch},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				impUID := w.Pay(w.OpenOrder("minji"), c.edit)
				_, err := w.Charge(w.Context(), "minji", impUID)
				w.WantCode(err, c.code)
				w.WantProblem(impUID, c.problem)
				w.WantBalance("minji", 0)
			})
		})
	}
}

func TestF20ASandboxPaymentIsWorthNothingInLiveMode(t *testing.T) {
	t.Parallel()
	eachLive(t, func(w *world) {
		order := w.OpenOrder("minji")
		impUID := w.Pay(order, func(p *sandbox.Payment) { p.Sandbox = true })
		_, err := w.Charge(w.Context(), "minji", impUID)
		w.WantCode(err, apierror.PaymentNotFound) // Iamport hides it (contract §0.1)
		_, err = w.SyncOrder(w.Context(), domaintest.Webhook(), order.MerchantUID)
		w.Must(err) // but lists it all the same
		w.WantProblem(impUID, charge.WrongMode)
		w.WantBalance("minji", 0)
	})
}

func TestLiveModeCreditsRealMoney(t *testing.T) {
	t.Parallel()
	eachLive(t, func(w *world) {
		_, err := w.Charge(w.Context(), "minji", w.Pay(w.OpenOrder("minji")))
		w.Must(err)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestASecondPaidPaymentForAnOrderIsKeptNotCredited(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenOrder("minji")
		_, err := w.Charge(w.Context(), "minji", w.Pay(order))
		w.Must(err)
		second := w.Pay(order)
		_, err = w.Charge(w.Context(), "minji", second)
		w.WantCode(err, apierror.PaymentMismatch)
		w.WantProblem(second, charge.OrderAlreadyPaid)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestF28ThePaidAttemptCountsNotTheNewest(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenOrder("minji")
		at := func(s string, started int64) func(*sandbox.Payment) {
			return func(p *sandbox.Payment) { p.Status, p.StartedAt = s, started }
		}
		w.Pay(order, at(sandbox.Failed, 1_700_000_000))
		w.Pay(order, at(sandbox.Paid, 1_700_000_100))
		w.Pay(order, at(sandbox.Failed, 1_700_000_200))
		for range 2 {
			payments, err := w.SyncOrder(w.Context(), domaintest.Webhook(), order.MerchantUID)
			w.Must(err)
			if len(payments) != 3 {
				w.Fatalf("synced %d attempts, want 3", len(payments))
			}
		}
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestF29AFailedPaymentMayStillBecomePaid(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.Pay(w.OpenOrder("minji"), domaintest.WithStatus(sandbox.Failed))
		_, err := w.Charge(w.Context(), "minji", impUID)
		w.WantCode(err, apierror.PaymentNotPaid)
		w.EditPayment(impUID, domaintest.WithStatus(sandbox.Paid))
		_, err = w.Charge(w.Context(), "minji", impUID)
		w.Must(err)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestF30NotYetPaidIsNotRefusedForGood(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.Pay(w.OpenOrder("minji"), domaintest.WithStatus(sandbox.Ready))
		_, err := w.Charge(w.Context(), "minji", impUID)
		w.WantCode(err, apierror.PaymentNotPaid)
		w.EditPayment(impUID, domaintest.WithStatus(sandbox.Paid))
		_, err = w.Charge(w.Context(), "minji", impUID)
		w.Must(err)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestF31APaymentNobodyReportedIsFoundByItsOrder(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenOrder("minji")
		w.Pay(order)
		_, err := w.SyncOrder(w.Context(), domaintest.Webhook(), order.MerchantUID)
		w.Must(err)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestALatePaymentOfAnExpiredOrderStillCounts(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenOrder("minji")
		w.Must(w.DB.Exec("UPDATE charge_orders SET status = 'EXPIRED' WHERE merchant_uid = ?", order.MerchantUID).Error)
		_, err := w.Charge(w.Context(), "minji", w.Pay(order))
		w.Must(err)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestAChangedProductDoesNotReachOpenOrders(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenOrder("minji")
		dearer := domaintest.Product()
		dearer.Price, dearer.Points, dearer.Active = 1, 1_000_000, false
		_, err := w.UpsertProduct(w.Context(), dearer)
		w.Must(err)
		_, err = w.Charge(w.Context(), "minji", w.Pay(order))
		w.Must(err)
		w.WantBalance("minji", domaintest.Full)
	})
}
