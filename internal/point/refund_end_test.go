package point_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// TestARefundDoneAfterItsBonusExpiredTakesThePointsOnce: what a refund holds must not be written off as expired in
// the moment it is let go, and then be taken from elsewhere.
func TestARefundDoneAfterItsBonusExpiredTakesThePointsOnce(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *front, trouble trouble) {
		clock, charge := expiring(w)
		clock.pass(10*day - time.Minute)
		troubled(w, f, trouble, false)
		w.refund(byAdmin(asks(charge, 5000, "r-1")))
		clock.pass(time.Minute)
		w.consoleCancel(*charge.ImpUID, 5000)
		w.wantRefund(charge, "r-1", point.RefundDone)
		w.wantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -5500")
		w.wantBalance("minji", 0)
	})
}

// TestARefundIsNotReleasedWhileMoneyIsOnItsWay: the sum has risen, only the item is missing yet.
func TestARefundIsNotReleasedWhileMoneyIsOnItsWay(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		charge := charged(w)
		f.onCancel(func(rw http.ResponseWriter, _ *http.Request) {
			w.edit(*charge.ImpUID, func(p *sandbox.Payment) { p.CancelAmount = json.Number("1000") })
			rw.WriteHeader(http.StatusBadGateway)
		})
		w.refund(asks(charge, 1000, "r-1"))
		clock.pass(patience)
		w.sync(*charge.ImpUID)
		w.wantRefund(charge, "r-1", point.RefundHeld)
		w.wantSpendable(full - 1100)
	})
}

// TestAnotherCancelOfMoreIsNotTheRefund: the customer must not be told that their money is back.
func TestAnotherCancelOfMoreIsNotTheRefund(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *front, trouble trouble) {
		charge := charged(w)
		troubled(w, f, trouble, false)
		w.refund(asks(charge, 1000, "r-1"))
		w.consoleCancel(*charge.ImpUID, 2000)
		w.wantRefund(charge, "r-1", point.RefundReleased)
		w.wantBalance("minji", full-2200)
	})
}

// TestAnAcceptedRefundOutlivesALargerCancel: ours is still on its way.
func TestAnAcceptedRefundOutlivesALargerCancel(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		charge := charged(w)
		pending(w, f, *charge.ImpUID, "0")
		w.refund(asks(charge, 1000, "r-1"))
		w.consoleCancel(*charge.ImpUID, 2000)
		w.wantRefund(charge, "r-1", point.RefundAccepted)
		w.wantSpendable(full - 2200 - 1100)
		w.consoleCancel(*charge.ImpUID, 1000)
		w.wantRefund(charge, "r-1", point.RefundDone)
		w.wantBalance("minji", full-3300)
	})
}

// TestSlowProvidersRefundsAreNotGivenUpInMinutes: with anything but cards and transfers a cancellation may be pending
// for days without a trace (contract §1.6).
func TestSlowProvidersRefundsAreNotGivenUpInMinutes(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *front, trouble trouble) {
		clock := w.stopClock()
		line, err := w.Charge(w.Context(), "minji", w.pay(w.order("minji"), func(p *sandbox.Payment) { p.PayMethod = "paypal" }))
		w.must(err)
		troubled(w, f, trouble, false)
		w.refund(asks(line, 1000, "r-1"))
		clock.pass(2 * day)
		w.sync(*line.ImpUID)
		w.wantRefund(line, "r-1", point.RefundHeld)
		clock.pass(2 * day)
		w.sync(*line.ImpUID)
		w.wantRefund(line, "r-1", point.RefundReleased)
	})
}

// TestARepeatedRefundIsAnsweredWhileTheGatewayIsDown: the caller must not think that nothing was begun.
func TestARepeatedRefundIsAnsweredWhileTheGatewayIsDown(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		charge := charged(w)
		w.refund(asks(charge, 1000, "r-1"))
		f.say(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
		if again := w.refund(asks(charge, 1000, "r-1")); again.Status != point.RefundDone {
			w.Fatalf("unexpected refund %+v", again)
		}
	})
}

func TestAnOperatorReleasesARefundThatNeverComes(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		charge := charged(w)
		pending(w, f, *charge.ImpUID, "0")
		refund := w.refund(asks(charge, 1000, "r-1"))
		released, err := w.ReleaseRefund(w.Context(), refund.ID)
		w.must(err)
		if released.Status != point.RefundReleased {
			w.Fatalf("unexpected refund %+v", released)
		}
		w.wantSpendable(full)
		_, err = w.ReleaseRefund(w.Context(), refund.ID)
		w.wantCode(err, point.RefundNotPossible)
	})
}

func TestARefundThatMayBeOnItsWayIsNotReleased(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		charge := charged(w)
		f.onCancel(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
		refund := w.refund(asks(charge, 1000, "r-1"))
		clock.pass(59 * time.Second)
		_, err := w.ReleaseRefund(w.Context(), refund.ID)
		w.wantCode(err, point.RefundNotPossible)
		clock.pass(time.Second)
		_, err = w.ReleaseRefund(w.Context(), refund.ID)
		w.must(err)
		w.wantSpendable(full)
	})
}

func TestOneRefundOfAChargeAtATime(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *front, trouble trouble) {
		charge := charged(w)
		troubled(w, f, trouble, false)
		w.refund(byAdmin(asks(charge, 1000, "r-1")))
		w.wantRefused(byAdmin(asks(charge, 1000, "r-2")), point.RefundNotPossible)
	})
}
