package point_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
)

// spendInRace spends or is told that there is not enough.
func (w *world) spendInRace(points int64, reference string, spent *atomic.Int64) {
	_, err := w.Spend(w.Context(), point.SpendInput{UserID: "minji", Amount: points, Reference: reference, Actor: domaintest.Minji()})
	switch apierror.CodeOf(err) {
	case "":
		spent.Add(points)
	case apierror.InsufficientPoints:
	default:
		w.Errorf("spend: %v", err)
	}
}

func TestSixtyFourSpendersNeverOverdraw(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		w.Give(100, "gift")
		var spent atomic.Int64
		var spenders []func()
		for i := range 64 {
			spenders = append(spenders, func() { w.spendInRace(100+int64(i), fmt.Sprint("order-", i), &spent) })
		}
		domaintest.Together(spenders...)
		if left := w.MustWallet().Spendable; left != domaintest.Full+100-spent.Load() || left > 163 {
			w.Fatalf("%d spent, %d left", spent.Load(), left)
		}
	})
}

// TestRefundSpendAndConsoleCancelAtOnce lets all three have the same charge, many times over.
// Whoever wins, the money that is back and the points that are gone agree.
func TestRefundSpendAndConsoleCancelAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for round := range 10 {
			credited := w.Charged()
			before := w.MustWallet().Balance
			var spent atomic.Int64
			domaintest.Together(
				func() { w.spendInRace(300, fmt.Sprint("order-", round), &spent) },
				func() { w.refundInRace(domaintest.RefundOf(credited, 2000, "r-1")) },
				func() { w.refundInRace(domaintest.ByAdmin(domaintest.RefundOf(credited, 1000, "r-2"))) },
				func() { w.consoleInRace(*credited.ImpUID) },
				func() { w.SyncInRace(*credited.ImpUID) },
			)
			p := w.MustSync(*credited.ImpUID)
			w.WantBalance("minji", before-spent.Load()-p.CancelledAmount*11/10)
			if n := w.Count("refunds", "status NOT IN ('DONE', 'RELEASED')"); n != 0 {
				w.Fatalf("round %d: %d refunds are open", round, n)
			}
		}
	})
}

func (w *world) refundInRace(in charge.RefundInput) {
	if _, err := w.Refund(w.Context(), in); err != nil && apierror.CodeOf(err) != apierror.RefundNotPossible {
		w.Errorf("refund: %v", err)
	}
}

// consoleInRace cancels at the console, which may refuse because a refund was faster.
func (w *world) consoleInRace(impUID string) {
	_ = w.Sandbox.Cancel(impUID, "4000")
	w.SyncInRace(impUID)
}

func TestSpendsAndTheirCancellationsAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		var all []func()
		for i := range 24 {
			all = append(all, func() {
				reference := fmt.Sprint("order-", i)
				w.MustSpend(200, reference)
				if _, err := w.GiveBack(reference, 50, reference); err != nil {
					w.Errorf("cancel: %v", err)
				}
			})
		}
		domaintest.Together(all...)
		w.WantBalance("minji", domaintest.Full-24*150)
	})
}
