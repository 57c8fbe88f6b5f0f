package point_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"pointcharge/internal/point"
)

func TestTheSameReferenceRefundsOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		first, again := w.refund(asks(charge, 1000, "r-1")), w.refund(asks(charge, 1000, "r-1"))
		if first.ID != again.ID || again.Status != point.RefundDone {
			w.Fatalf("first %+v, then %+v", first, again)
		}
		w.wantBalance("minji", full-1100)
		_, err := w.Refund(w.Context(), asks(charge, 1001, "r-1"))
		w.wantCode(err, point.InvalidArgument)
		other := asks(charge, 1000, "r-1")
		other.Reason = "another"
		_, err = w.Refund(w.Context(), other)
		w.wantCode(err, point.InvalidArgument)
	})
}

func TestADoubleClickAsksTheGatewayOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		together(times(10, func() {
			if _, err := w.Refund(w.Context(), asks(charge, 1000, "r-1")); err != nil {
				w.Errorf("refund: %v", err)
			}
		})...)
		wantPoints(w.T, "times asked", int64(w.gateway.Requests()[cancelRoute]), 1)
		w.wantRefund(charge, "r-1", point.RefundDone)
		w.wantBalance("minji", full-1100)
	})
}

// TestOfTwoRefundsAtOnceOneIsRefused holds the first at the gateway.
func TestOfTwoRefundsAtOnceOneIsRefused(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		charge := charged(w)
		asked, answer := make(chan struct{}), make(chan struct{})
		f.onCancel(func(rw http.ResponseWriter, r *http.Request) {
			close(asked)
			<-answer
			f.gateway.ServeHTTP(rw, r)
		})
		done := make(chan error)
		go func() {
			_, err := w.Refund(w.Context(), asks(charge, 1000, "r-1"))
			done <- err
		}()
		<-asked
		_, err := w.Refund(w.Context(), asks(charge, 1000, "r-2"))
		w.wantCode(err, point.RefundNotPossible)
		same := w.refund(asks(charge, 1000, "r-1"))
		if same.Status != point.RefundHeld {
			w.Fatalf("unexpected refund %+v", same)
		}
		close(answer)
		w.must(<-done)
		f.say(f.gateway.ServeHTTP)
		w.refund(asks(charge, 1000, "r-2"))
		w.wantBalance("minji", full-2200)
	})
}

func TestManyDifferentRefundsAtOnceNeverRefundTooMuch(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		var n, done atomic.Int64
		together(times(12, func() {
			_, err := w.Refund(w.Context(), asks(charge, 1000, "r-"+strings.Repeat("x", int(n.Add(1)))))
			switch point.CodeOf(err) {
			case "":
				done.Add(1)
			case point.RefundNotPossible:
			default:
				w.Errorf("refund: %v", err)
			}
		})...)
		if done.Load() < 1 || done.Load() > 5 {
			w.Errorf("%d refunds were made", done.Load())
		}
		w.wantBalance("minji", full-1100*done.Load())
	})
}
