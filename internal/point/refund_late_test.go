package point_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pointcharge/internal/point"
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

// TestAReleasedRefundThatHappensAllTheSameIsDone: whoever asks what became of it must not hear that it was never made.
func TestAReleasedRefundThatHappensAllTheSameIsDone(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		charge := charged(w)
		arrive := delayed(w, f)
		w.refund(asks(charge, 1000, "r-1"))
		clock.pass(patience)
		w.sync(*charge.ImpUID)
		w.wantRefund(charge, "r-1", point.RefundReleased)
		arrive()
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
		delayed(w, f)
		w.refund(asks(charge, 1000, "r-1"))
		clock.pass(patience)
		w.sync(*charge.ImpUID)
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

// TestAnOperatorsReleasedRefundThatHappensAllTheSameIsDone, too: its payment gave no points.
func TestAnOperatorsReleasedRefundThatHappensAllTheSameIsDone(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		wrong, _ := mispaid(w)
		arrive := delayed(w, f)
		w.resolve(decision(wrong, point.RefundIt))
		r := w.wantOpenRefunds(1)[0]
		clock.pass(patience)
		w.sync(wrong)
		w.wantRefund(point.Transaction{ImpUID: &wrong}, r.Reference, point.RefundReleased)
		w.wantProblems(map[string]point.Problem{wrong: point.WrongAmount})
		arrive()
		w.sync(wrong)
		w.wantRefund(point.Transaction{ImpUID: &wrong}, r.Reference, point.RefundDone)
		w.wantProblems(nil)
	})
}
