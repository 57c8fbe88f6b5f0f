package charge_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

// TestARefundDoneAfterItsBonusExpiredTakesThePointsOnce: what a refund holds must not be written
// off as expired in the moment it is let go, and then be taken from elsewhere.
func TestARefundDoneAfterItsBonusExpiredTakesThePointsOnce(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *domaintest.Front, trouble trouble) {
		clock, credited := w.Expiring()
		clock.Pass(10*domaintest.Day - time.Minute)
		troubled(w, f, trouble, false)
		w.MustRefund(domaintest.ByAdmin(domaintest.RefundOf(credited, 5000, "r-1")))
		clock.Pass(time.Minute)
		w.CancelAtConsole(*credited.ImpUID, 5000)
		w.wantRefund(credited, "r-1", charge.RefundDone)
		w.WantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -5500")
		w.WantBalance("minji", 0)
	})
}

// TestARefundIsNotReleasedWhileMoneyIsOnItsWay: the sum has risen, only the item is missing yet.
func TestARefundIsNotReleasedWhileMoneyIsOnItsWay(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		credited := w.Charged()
		f.OnCancel(func(rw http.ResponseWriter, _ *http.Request) {
			w.EditPayment(*credited.ImpUID, func(p *sandbox.Payment) { p.CancelAmount = json.Number("1000") })
			rw.WriteHeader(http.StatusBadGateway)
		})
		w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
		clock.Pass(patience)
		w.MustSync(*credited.ImpUID)
		w.wantRefund(credited, "r-1", charge.RefundHeld)
		w.WantSpendable(domaintest.Full - 1100)
	})
}

// TestAnotherCancelOfMoreIsNotTheRefund: the customer must not be told that their money is back.
func TestAnotherCancelOfMoreIsNotTheRefund(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *domaintest.Front, trouble trouble) {
		credited := w.Charged()
		troubled(w, f, trouble, false)
		w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
		w.CancelAtConsole(*credited.ImpUID, 2000)
		w.wantRefund(credited, "r-1", charge.RefundReleased)
		w.WantBalance("minji", domaintest.Full-2200)
	})
}

// TestAnAcceptedRefundOutlivesALargerCancel: ours is still on its way.
func TestAnAcceptedRefundOutlivesALargerCancel(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited := w.Charged()
		pending(w, f, *credited.ImpUID, "0")
		w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
		w.CancelAtConsole(*credited.ImpUID, 2000)
		w.wantRefund(credited, "r-1", charge.RefundAccepted)
		w.WantSpendable(domaintest.Full - 2200 - 1100)
		w.CancelAtConsole(*credited.ImpUID, 1000)
		w.wantRefund(credited, "r-1", charge.RefundDone)
		w.WantBalance("minji", domaintest.Full-3300)
	})
}

// TestSlowProvidersRefundsAreNotGivenUpInMinutes: with anything but cards and transfers a
// cancellation may be pending for days without a trace (contract §1.6).
func TestSlowProvidersRefundsAreNotGivenUpInMinutes(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *domaintest.Front, trouble trouble) {
		clock := w.StopClock()
		line, err := w.Charge(w.Context(), "minji", w.Pay(w.OpenOrder("minji"), func(p *sandbox.Payment) { p.PayMethod = "paypal" }))
		w.Must(err)
		troubled(w, f, trouble, false)
		w.MustRefund(domaintest.RefundOf(line, 1000, "r-1"))
		clock.Pass(2 * domaintest.Day)
		w.MustSync(*line.ImpUID)
		w.wantRefund(line, "r-1", charge.RefundHeld)
		clock.Pass(2 * domaintest.Day)
		w.MustSync(*line.ImpUID)
		w.wantRefund(line, "r-1", charge.RefundReleased)
	})
}

// TestARepeatedRefundIsAnsweredWhileTheGatewayIsDown: the caller must not think that nothing was
// begun.
func TestARepeatedRefundIsAnsweredWhileTheGatewayIsDown(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited := w.Charged()
		w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
		f.Say(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
		if again := w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1")); again.Status != charge.RefundDone {
			w.Fatalf("unexpected refund %+v", again)
		}
	})
}

func TestAnOperatorReleasesARefundThatNeverComes(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited := w.Charged()
		pending(w, f, *credited.ImpUID, "0")
		refund := w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
		released, err := w.ReleaseRefund(w.Context(), domaintest.Sora(), refund.ID, "결제사 확인")
		w.Must(err)
		if released.Status != charge.RefundReleased {
			w.Fatalf("unexpected refund %+v", released)
		}
		w.WantSpendable(domaintest.Full)
		_, err = w.ReleaseRefund(w.Context(), domaintest.Sora(), refund.ID, "결제사 확인")
		w.WantCode(err, apierror.RefundNotPossible)
	})
}

func TestARefundThatMayBeOnItsWayIsNotReleased(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		credited := w.Charged()
		f.OnCancel(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
		refund := w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
		clock.Pass(59 * time.Second)
		_, err := w.ReleaseRefund(w.Context(), domaintest.Sora(), refund.ID, "결제사 확인")
		w.WantCode(err, apierror.RefundNotPossible)
		clock.Pass(time.Second)
		_, err = w.ReleaseRefund(w.Context(), domaintest.Sora(), refund.ID, "결제사 확인")
		w.Must(err)
		w.WantSpendable(domaintest.Full)
	})
}

func TestOneRefundOfAChargeAtATime(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *domaintest.Front, trouble trouble) {
		credited := w.Charged()
		troubled(w, f, trouble, false)
		w.MustRefund(domaintest.ByAdmin(domaintest.RefundOf(credited, 1000, "r-1")))
		w.wantRefused(domaintest.ByAdmin(domaintest.RefundOf(credited, 1000, "r-2")), apierror.RefundNotPossible)
	})
}
