package point_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"pointcharge/internal/point"
)

// together runs every function at the same moment and waits for all.
func together(functions ...func()) {
	start := make(chan struct{})
	var running sync.WaitGroup
	for _, f := range functions {
		running.Go(func() { <-start; f() })
	}
	close(start)
	running.Wait()
}

func times(n int, f func()) []func() {
	out := make([]func(), n)
	for i := range out {
		out[i] = f
	}
	return out
}

// TestF2EveryEntranceAtOnce lets ten mutations of the owner, ten webhooks, four sweeps and a stranger
// race for each of fifty payments.
func TestF2EveryEntranceAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		const payments = 50
		var callers []func()
		var succeeded [payments]atomic.Int64
		for i := range payments {
			order := w.order("minji")
			impUID := w.pay(order)
			callers = append(callers, times(10, func() { w.chargeInRace(impUID, &succeeded[i]) })...)
			callers = append(callers, times(10, func() { w.syncInRace(impUID) })...)
			callers = append(callers, times(4, func() { w.sweepInRace(order) })...)
			callers = append(callers, times(3, func() { w.stealInRace(impUID) })...)
		}
		together(callers...)
		for i := range succeeded {
			if n := succeeded[i].Load(); n != 1 {
				w.Errorf("payment %d: %d mutations succeeded, want 1", i, n)
			}
		}
		if n := w.count("point_transactions", "kind = 'CHARGE'"); n != payments {
			w.Errorf("%d CHARGE lines, want %d", n, payments)
		}
		w.wantBalance("minji", payments*full)
		w.wantBalance("junho", 0)
	})
}

func (w *world) chargeInRace(impUID string, succeeded *atomic.Int64) {
	switch _, err := w.Charge(w.Context(), "minji", impUID); point.CodeOf(err) {
	case "":
		succeeded.Add(1)
	case point.PaymentAlreadyCharged:
	default:
		w.Errorf("the owner's charge: %v", err)
	}
}

func (w *world) syncInRace(impUID string) {
	if _, err := w.Sync(w.Context(), impUID); err != nil {
		w.Errorf("sync: %v", err)
	}
}

func (w *world) sweepInRace(o point.Order) {
	if _, err := w.SyncOrder(w.Context(), o.MerchantUID); err != nil {
		w.Errorf("sweep: %v", err)
	}
}

func (w *world) stealInRace(impUID string) {
	if _, err := w.Charge(w.Context(), "junho", impUID); point.CodeOf(err) != point.PaymentNotFound {
		w.Errorf("the stranger got %v", err)
	}
}

func TestF5TwoHundredPaymentsOfOneUserAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		const payments = 200
		var callers []func()
		for range payments {
			impUID := w.pay(w.order("minji"))
			callers = append(callers, func() {
				if _, err := w.Charge(w.Context(), "minji", impUID); err != nil {
					w.Errorf("charge: %v", err)
				}
			})
		}
		together(callers...)
		w.wantBalance("minji", payments*full)
	})
}

func TestTwoPaymentsForOneOrderAtOnceCreditOne(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.order("minji")
		first, second := w.pay(order), w.pay(order)
		together(append(times(5, func() { w.syncInRace(first) }), times(5, func() { w.syncInRace(second) })...)...)
		w.wantBalance("minji", full)
		if n := w.count("payments", "problem = ?", point.OrderAlreadyPaid); n != 1 {
			w.Fatalf("%d payments are kept as second ones, want 1", n)
		}
	})
}
