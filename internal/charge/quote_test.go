package charge_test

import (
	"net/http"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// wantQuote fails unless that is what minji's charge comes to. A quote that is less than all has
// a reason.
func (w *world) wantQuote(credited point.Transaction, admin bool, won, points int64) {
	w.Helper()
	q, err := w.RefundQuote(w.Context(), actorFor(admin), credited.ID)
	w.Must(err)
	if q.Amount != won || q.Points != points {
		w.Fatalf("the quote is %+v, want %d won for %d points", q, won, points)
	}
	p, _ := w.Sandbox.Payment(*credited.ImpUID)
	whole := p.CancelAmount == "0" && won == 5000
	if whole != (q.Reason == "") && p.CancelAmount == "0" {
		w.Fatalf("the quote is %+v", q)
	}
}

func TestAQuoteIsAllOfAnUnusedCharge(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.wantQuote(credited, false, 5000, domaintest.Full)
		w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
		w.wantQuote(credited, false, 4000, 4400)
		w.MustRefund(domaintest.RefundOf(credited, 4000, "r-2"))
		w.wantQuote(credited, false, 0, 0)
	})
}

func TestAQuoteOfAUsedChargeIsNothingForItsOwner(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.MustSpend(1, "order-1")
		w.wantQuote(credited, false, 0, 0)
	})
}

func TestAQuoteOfAnOldChargeIsNothingForItsOwner(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		credited := w.Charged()
		clock.Pass(8 * domaintest.Day)
		w.wantQuote(credited, false, 0, 0)
		w.wantQuote(credited, true, 5000, domaintest.Full)
	})
}

// TestAQuoteIsTheMostThatHoldAllows spends a little at a time; the quoted won can be held, one
// more cannot.
func TestAQuoteIsTheMostThatHoldAllows(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for spent, most := range map[int64]struct{ won, points int64 }{1: {4999, 5499}, 500: {4545, 5000}, 5499: {0, 0}, domaintest.Full: {0, 0}} {
			credited := w.Charged()
			w.MustSpend(spent, *credited.ImpUID)
			w.wantQuote(credited, true, most.won, most.points)
			w.wantRefused(domaintest.ByAdmin(domaintest.RefundOf(credited, most.won+1, "more")), apierror.RefundNotPossible)
			if most.won > 0 {
				w.MustRefund(domaintest.ByAdmin(domaintest.RefundOf(credited, most.won, "most")))
			}
			if left := w.MustWallet().Spendable; left > 0 {
				w.MustSpend(left, "rest "+*credited.ImpUID)
			}
		}
	})
}

func TestD16BonusThatExpiredNeedNotGoBack(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		w.Lifetimes = point.Lifetimes{Bonus: point.Days(3)}
		credited := w.Charged()
		clock.Pass(4 * domaintest.Day)
		w.wantQuote(credited, false, 5000, 5000) // before its line of expiry is written
		w.ExpireDue(10)
		w.wantQuote(credited, false, 5000, 5000)
		w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
		w.WantBalance("minji", 4000)
		w.MustRefund(domaintest.RefundOf(credited, 4000, "r-2"))
		w.WantHistory("CHARGE 5000", "BONUS 500", "EXPIRE -500", "CHARGE_CANCEL -1000", "CHARGE_CANCEL -4000")
	})
}

func TestD18AnOperatorRefundsWhatExpired(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		w.Lifetimes = point.Lifetimes{Paid: point.Days(5), Bonus: point.Days(3)}
		credited := w.Charged()
		w.MustSpend(700, "order-1") // the bonus, and 200 of what was paid for
		clock.Pass(6 * domaintest.Day)
		w.wantQuote(credited, false, 0, 0)
		w.wantQuote(credited, true, 4363, 0) // its 437 points of bonus were used, and the 200
		w.wantRefused(domaintest.ByAdmin(domaintest.RefundOf(credited, 4801, "r-1")), apierror.RefundNotPossible)
	})
}

func TestD18AnOperatorRefundsAllOfAnExpiredCharge(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		w.Lifetimes = point.Lifetimes{Paid: point.Days(5), Bonus: point.Days(3)}
		credited := w.Charged()
		clock.Pass(6 * domaintest.Day)
		w.wantRefused(domaintest.RefundOf(credited, 5000, "r-1"), apierror.RefundNotPossible)
		w.wantQuote(credited, true, 5000, 0)
		w.MustRefund(domaintest.ByAdmin(domaintest.RefundOf(credited, 5000, "r-1")))
		w.WantBalance("minji", 0) // no debt: the points are gone already
		w.wantOrder(credited, charge.OrderCancelled)
	})
}

func TestAQuoteOffersNothingWhileARefundIsUnderWay(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited := w.Charged()
		f.OnCancel(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
		w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
		w.wantQuote(credited, true, 0, 0)
		w.wantQuote(credited, false, 0, 0)
	})
}

func TestAQuoteSaysWhetherAnAccountIsNeeded(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited, err := w.Charge(w.Context(), "minji", w.Pay(w.OpenOrder("minji"), func(p *sandbox.Payment) { p.PayMethod = "vbank" }))
		w.Must(err)
		for line, want := range map[point.Transaction]bool{credited: true, w.Charged(): false} {
			q, err := w.RefundQuote(w.Context(), domaintest.Minji(), line.ID)
			w.Must(err)
			if q.NeedsAccount != want {
				w.Errorf("unexpected quote %+v", q)
			}
		}
	})
}

func TestNothingIsRefundedWhileTheBooksAreInDoubt(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.EditPayment(*credited.ImpUID, func(p *sandbox.Payment) { p.CancelAmount = "1000" })
		w.wantRefused(domaintest.ByAdmin(domaintest.RefundOf(credited, 1000, "r-1")), apierror.RefundNotPossible)
		w.WantProblem(*credited.ImpUID, charge.WrongCancellations)
	})
}

// actorFor returns the operator, or the user who buys.
func actorFor(admin bool) point.Actor {
	if admin {
		return domaintest.Sora()
	}
	return domaintest.Minji()
}
