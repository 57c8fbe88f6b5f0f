package charge_test

import (
	"sync/atomic"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
)

// TestF2EveryEntranceAtOnce lets ten mutations of the owner, ten webhooks, four sweeps and a
// stranger race for each of fifty payments.
func TestF2EveryEntranceAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		const payments = 50
		var callers []func()
		var succeeded [payments]atomic.Int64
		for i := range payments {
			order := w.OpenOrder("minji")
			impUID := w.Pay(order)
			callers = append(callers, domaintest.Repeat(10, func() { w.chargeInRace(impUID, &succeeded[i]) })...)
			callers = append(callers, domaintest.Repeat(10, func() { w.SyncInRace(impUID) })...)
			callers = append(callers, domaintest.Repeat(4, func() { w.sweepInRace(order) })...)
			callers = append(callers, domaintest.Repeat(3, func() { w.stealInRace(impUID) })...)
		}
		domaintest.Together(callers...)
		for i := range succeeded {
			if n := succeeded[i].Load(); n != 1 {
				w.Errorf("payment %d: %d mutations succeeded, want 1", i, n)
			}
		}
		if n := w.Count("point_transactions", "kind = 'CHARGE'"); n != payments {
			w.Errorf("%d CHARGE lines, want %d", n, payments)
		}
		w.WantBalance("minji", payments*domaintest.Full)
		w.WantBalance("junho", 0)
	})
}

func (w *world) chargeInRace(impUID string, succeeded *atomic.Int64) {
	switch _, err := w.Charge(w.Context(), "minji", impUID); apierror.CodeOf(err) {
	case "":
		succeeded.Add(1)
	case apierror.PaymentAlreadyCharged:
	default:
		w.Errorf("the owner's charge: %v", err)
	}
}

func (w *world) sweepInRace(o charge.Order) {
	if _, err := w.SyncOrder(w.Context(), domaintest.Webhook(), o.MerchantUID); err != nil {
		w.Errorf("sweep: %v", err)
	}
}

func (w *world) stealInRace(impUID string) {
	if _, err := w.Charge(w.Context(), "junho", impUID); apierror.CodeOf(err) != apierror.PaymentNotFound {
		w.Errorf("the stranger got %v", err)
	}
}

func TestF5TwoHundredPaymentsOfOneUserAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.MaxOpenOrders = 1000
		const payments = 200
		var callers []func()
		for range payments {
			impUID := w.Pay(w.OpenOrder("minji"))
			callers = append(callers, func() {
				if _, err := w.Charge(w.Context(), "minji", impUID); err != nil {
					w.Errorf("charge: %v", err)
				}
			})
		}
		domaintest.Together(callers...)
		w.WantBalance("minji", payments*domaintest.Full)
	})
}

func TestTwoPaymentsForOneOrderAtOnceCreditOne(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenOrder("minji")
		first, second := w.Pay(order), w.Pay(order)
		domaintest.Together(append(domaintest.Repeat(5, func() { w.SyncInRace(first) }), domaintest.Repeat(5, func() { w.SyncInRace(second) })...)...)
		w.WantBalance("minji", domaintest.Full)
		if n := w.Count("payments", "problem = ?", charge.OrderAlreadyPaid); n != 1 {
			w.Fatalf("%d payments are kept as second ones, want 1", n)
		}
	})
}
