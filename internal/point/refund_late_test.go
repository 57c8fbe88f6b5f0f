package point_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// delayed keeps the next cancellation somewhere on its way to the gateway, until it arrives.
func delayed(w *world, f *front) (arrive func()) {
	var request *http.Request
	f.onCancel(func(rw http.ResponseWriter, r *http.Request) {
		sent := body(w.T, r)
		request = r.Clone(context.Background()) // r's own ends with the caller's patience
		request.Body = io.NopCloser(strings.NewReader(sent))
		rw.WriteHeader(http.StatusBadGateway)
	})
	return func() {
		w.Helper()
		if request == nil {
			w.Fatal("nothing was asked for")
		}
		f.gateway.ServeHTTP(httptest.NewRecorder(), request)
	}
}

// givenUp asks for a refund that does not arrive, until it is released.
func (w *world) givenUp(f *front, clock *clock, in point.RefundInput) (arrive func()) {
	w.Helper()
	arrive = delayed(w, f)
	r := w.refund(in)
	clock.pass(patience)
	w.sync(r.ImpUID)
	w.wantRefund(point.Transaction{ImpUID: &r.ImpUID}, in.Reference, point.RefundReleased)
	return arrive
}

// TestAReleasedRefundThatHappensAllTheSameIsDone: whoever asks what became of it must not hear that it was never made.
func TestAReleasedRefundThatHappensAllTheSameIsDone(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		charge := charged(w)
		w.givenUp(f, clock, asks(charge, 1000, "r-1"))()
		for range 2 {
			w.sync(*charge.ImpUID)
			w.wantRefund(charge, "r-1", point.RefundDone)
			w.wantBalance("minji", full-1100)
		}
	})
}

// TestOneCancellationMakesOneRefundDone: the first of two alike was never made.
func TestOneCancellationMakesOneRefundDone(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		charge := charged(w)
		w.givenUp(f, clock, asks(charge, 1000, "r-1"))
		f.say(f.gateway.ServeHTTP)
		w.refund(asks(charge, 1000, "r-2"))
		w.sync(*charge.ImpUID)
		w.wantRefund(charge, "r-1", point.RefundReleased)
		w.wantRefund(charge, "r-2", point.RefundDone)
		w.consoleCancel(*charge.ImpUID, 1000) // for another reason
		w.wantRefund(charge, "r-1", point.RefundReleased)
		w.wantBalance("minji", full-2200)
	})
}

// givenUpByOperator is givenUp for a refund that an operator decided on.
func (w *world) givenUpByOperator(f *front, clock *clock, impUID string) (arrive func(), reference string) {
	w.Helper()
	arrive = delayed(w, f)
	w.resolve(decision(impUID, point.RefundIt))
	reference = w.wantOpenRefunds(1)[0].Reference
	clock.pass(patience)
	w.sync(impUID)
	w.wantRefund(point.Transaction{ImpUID: &impUID}, reference, point.RefundReleased)
	return arrive, reference
}

// TestAnOperatorsReleasedRefundThatHappensAllTheSameIsDone, too: its payment gave no points.
func TestAnOperatorsReleasedRefundThatHappensAllTheSameIsDone(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		wrong, _ := mispaid(w)
		arrive, reference := w.givenUpByOperator(f, clock, wrong)
		w.wantProblems(map[string]point.Problem{wrong: point.WrongAmount})
		arrive()
		w.sync(wrong)
		w.wantRefund(point.Transaction{ImpUID: &wrong}, reference, point.RefundDone)
		w.wantProblems(nil)
	})
}

// cancelFor cancels at the console for the reason that our own refunds give.
func (w *world) cancelFor(impUID string, won, left int64) {
	w.Helper()
	_, err := w.Gateway.Cancel(w.Context(), point.Cancel{ImpUID: impUID, Currency: "KRW", Amount: won, Checksum: left, Reason: "변심"})
	w.must(err)
	w.sync(impUID)
}

// TestAnEarlierCancellationIsNotTheRefund, however alike: what Iamport refused is not done.
func TestAnEarlierCancellationIsNotTheRefund(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		charge := charged(w)
		w.cancelFor(*charge.ImpUID, 1000, 5000)
		f.onCancel(func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(rw, `{"code":1,"message":"취소기간이 지났습니다.","response":null}`)
		})
		_, err := w.Refund(w.Context(), byAdmin(asks(charge, 1000, "r-1")))
		w.wantCode(err, point.RefundNotPossible)
		w.sync(*charge.ImpUID)
		w.wantRefund(charge, "r-1", point.RefundReleased)
	})
}

// TestACancellationIsTheRefundThatFitsItsPlace: the checksum of the other one would have been wrong.
func TestACancellationIsTheRefundThatFitsItsPlace(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		charge := charged(w)
		delayed(w, f)
		w.refund(byAdmin(asks(charge, 1000, "r-1")))
		w.consoleCancel(*charge.ImpUID, 500)
		w.wantRefund(charge, "r-1", point.RefundReleased)
		w.givenUp(f, clock, byAdmin(asks(charge, 1000, "r-2")))()
		w.sync(*charge.ImpUID)
		w.wantRefund(charge, "r-1", point.RefundReleased)
		w.wantRefund(charge, "r-2", point.RefundDone)
	})
}

// TestAHistoryThatContradictsItselfConfirmsNothing: the item is of the refund under way, and is there before the sum.
func TestAHistoryThatContradictsItselfConfirmsNothing(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		charge := charged(w)
		w.consoleCancel(*charge.ImpUID, 500)
		w.givenUp(f, clock, byAdmin(asks(charge, 1000, "r-1")))
		pending(w, f, *charge.ImpUID, "500")
		w.refund(byAdmin(asks(charge, 1000, "r-2")))
		w.wantRefund(charge, "r-2", point.RefundAccepted)
		w.edit(*charge.ImpUID, func(p *sandbox.Payment) {
			p.CancelHistory = append(p.CancelHistory, sandbox.Cancellation{PGTID: "C2", Amount: "1000", CancelledAt: p.CancelledAt + 1,
				Reason: "변심", CancellationID: "can_2"})
		})
		w.sync(*charge.ImpUID)
		w.wantRefund(charge, "r-1", point.RefundReleased)
		w.edit(*charge.ImpUID, func(p *sandbox.Payment) { p.CancelAmount = "1500" })
		w.sync(*charge.ImpUID)
		w.wantRefund(charge, "r-1", point.RefundReleased)
		w.wantRefund(charge, "r-2", point.RefundDone)
	})
}

// TestARefundThatTurnsUpAfterAllWasAccepted: the operator gave points when the refund seemed never to have been made.
func TestARefundThatTurnsUpAfterAllWasAccepted(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		wrong, _ := mispaid(w)
		arrive, reference := w.givenUpByOperator(f, clock, wrong)
		w.resolve(decision(wrong, point.Accept))
		clock.pass(time.Second)
		arrive()
		w.sync(wrong)
		w.wantRefund(point.Transaction{ImpUID: &wrong}, reference, point.RefundDone)
		w.wantProblems(map[string]point.Problem{wrong: point.AcceptedCancelled})
		w.wantBalance("minji", 4000)
	})
}
