package point_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"pointcharge/internal/point"
)

// spendInRace spends or is told that there is not enough.
func (w *world) spendInRace(points int64, reference string, spent *atomic.Int64) {
	_, err := w.Spend(w.Context(), point.SpendInput{UserID: "minji", Amount: points, Reference: reference})
	switch point.CodeOf(err) {
	case "":
		spent.Add(points)
	case point.InsufficientPoints:
	default:
		w.Errorf("spend: %v", err)
	}
}

func TestSixtyFourSpendersNeverOverdraw(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
		w.give(100, "gift")
		var spent atomic.Int64
		var spenders []func()
		for i := range 64 {
			spenders = append(spenders, func() { w.spendInRace(100+int64(i), fmt.Sprint("order-", i), &spent) })
		}
		together(spenders...)
		if left := w.wallet().Spendable; left != full+100-spent.Load() || left > 163 {
			w.Fatalf("%d spent, %d left", spent.Load(), left)
		}
	})
}

// TestRefundSpendAndConsoleCancelAtOnce lets all three have the same charge, many times over. Whoever wins, the
// money that is back and the points that are gone agree.
func TestRefundSpendAndConsoleCancelAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for round := range 10 {
			charge := charged(w)
			before := w.wallet().Balance
			var spent atomic.Int64
			together(
				func() { w.spendInRace(300, fmt.Sprint("order-", round), &spent) },
				func() { w.refundInRace(asks(charge, 2000, "r-1")) },
				func() { w.refundInRace(byAdmin(asks(charge, 1000, "r-2"))) },
				func() { w.consoleInRace(*charge.ImpUID) },
				func() { w.syncInRace(*charge.ImpUID) },
			)
			p := w.sync(*charge.ImpUID)
			w.wantBalance("minji", before-spent.Load()-p.CancelledAmount*11/10)
			if n := w.count("refunds", "status NOT IN ('DONE', 'RELEASED')"); n != 0 {
				w.Fatalf("round %d: %d refunds are open", round, n)
			}
		}
	})
}

func (w *world) refundInRace(in point.RefundInput) {
	if _, err := w.Refund(w.Context(), in); err != nil && point.CodeOf(err) != point.RefundNotPossible {
		w.Errorf("refund: %v", err)
	}
}

// consoleInRace cancels at the console, which may refuse because a refund was faster.
func (w *world) consoleInRace(impUID string) {
	_ = w.gateway.Cancel(impUID, "4000")
	w.syncInRace(impUID)
}

func TestSpendsAndTheirCancellationsAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
		var all []func()
		for i := range 24 {
			all = append(all, func() {
				reference := fmt.Sprint("order-", i)
				w.spend(200, reference)
				if _, err := w.cancelSpend(reference, 50, reference); err != nil {
					w.Errorf("cancel: %v", err)
				}
			})
		}
		together(all...)
		w.wantBalance("minji", full-24*150)
	})
}
