package point_test

import (
	"net/http"
	"testing"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// wantQuote fails unless that is what minji's charge comes to. A quote that is less than all has a reason.
func (w *world) wantQuote(charge point.Transaction, admin bool, won, points int64) {
	w.Helper()
	q, err := w.RefundQuote(w.Context(), charge.ID, "minji", admin)
	w.must(err)
	if q.Amount != won || q.Points != points {
		w.Fatalf("the quote is %+v, want %d won for %d points", q, won, points)
	}
	p, _ := w.gateway.Payment(*charge.ImpUID)
	whole := p.CancelAmount == "0" && won == 5000
	if whole != (q.Reason == "") && p.CancelAmount == "0" {
		w.Fatalf("the quote is %+v", q)
	}
}

func TestAQuoteIsAllOfAnUnusedCharge(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.wantQuote(charge, false, 5000, full)
		w.refund(asks(charge, 1000, "r-1"))
		w.wantQuote(charge, false, 4000, 4400)
		w.refund(asks(charge, 4000, "r-2"))
		w.wantQuote(charge, false, 0, 0)
	})
}

func TestAQuoteOfAUsedChargeIsNothingForItsOwner(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.spend(1, "order-1")
		w.wantQuote(charge, false, 0, 0)
	})
}

func TestAQuoteOfAnOldChargeIsNothingForItsOwner(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		charge := charged(w)
		clock.pass(7*day + 1000)
		w.wantQuote(charge, false, 0, 0)
		w.wantQuote(charge, true, 5000, full)
	})
}

// TestAQuoteIsTheMostThatHoldAllows spends a little at a time; the quoted won can be held, one more cannot.
func TestAQuoteIsTheMostThatHoldAllows(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for spent, most := range map[int64]struct{ won, points int64 }{1: {4999, 5498}, 500: {4546, 5000}, 5499: {1, 1}, full: {0, 0}} {
			charge := charged(w)
			w.spend(spent, *charge.ImpUID)
			w.wantQuote(charge, true, most.won, most.points)
			w.wantRefused(byAdmin(asks(charge, most.won+1, "more")), point.RefundNotPossible)
			if most.won > 0 {
				w.refund(byAdmin(asks(charge, most.won, "most")))
			}
			if left := w.wallet().Spendable; left > 0 {
				w.spend(left, "rest "+*charge.ImpUID)
			}
		}
	})
}

func TestAQuoteDoesNotCountExpiredPoints(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, charge := expiring(w)
		clock.pass(10 * day)
		w.wantQuote(charge, true, 4546, 5000)
		w.wantRefused(byAdmin(asks(charge, 4547, "more")), point.RefundNotPossible)
		w.refund(byAdmin(asks(charge, 4546, "most")))
		w.wantBalance("minji", 0)
	})
}

func TestAQuoteOffersNothingWhileARefundIsUnderWay(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		charge := charged(w)
		f.onCancel(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
		w.refund(asks(charge, 1000, "r-1"))
		w.wantQuote(charge, true, 0, 0)
		w.wantQuote(charge, false, 0, 0)
	})
}

func TestAQuoteSaysWhetherAnAccountIsNeeded(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge, err := w.Charge(w.Context(), "minji", w.pay(w.order("minji"), func(p *sandbox.Payment) { p.PayMethod = "vbank" }))
		w.must(err)
		for line, want := range map[point.Transaction]bool{charge: true, charged(w): false} {
			q, err := w.RefundQuote(w.Context(), line.ID, "minji", false)
			w.must(err)
			if q.NeedsAccount != want {
				w.Errorf("unexpected quote %+v", q)
			}
		}
	})
}

func TestNothingIsRefundedWhileTheBooksAreInDoubt(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.edit(*charge.ImpUID, func(p *sandbox.Payment) { p.CancelAmount = "1000" })
		w.wantRefused(byAdmin(asks(charge, 1000, "r-1")), point.RefundNotPossible)
		w.wantProblem(*charge.ImpUID, point.WrongCancellations)
	})
}
