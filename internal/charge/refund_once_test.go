package charge_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
)

func TestTheSameReferenceRefundsOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		first, again := w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1")), w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
		if first.ID != again.ID || again.Status != charge.RefundDone {
			w.Fatalf("first %+v, then %+v", first, again)
		}
		w.WantBalance("minji", domaintest.Full-1100)
		_, err := w.Refund(w.Context(), domaintest.RefundOf(credited, 1001, "r-1"))
		w.WantCode(err, apierror.InvalidArgument)
		other := domaintest.RefundOf(credited, 1000, "r-1")
		other.Reason = "another"
		_, err = w.Refund(w.Context(), other)
		w.WantCode(err, apierror.InvalidArgument)
	})
}

func TestADoubleClickAsksTheGatewayOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		domaintest.Together(domaintest.Repeat(10, func() {
			if _, err := w.Refund(w.Context(), domaintest.RefundOf(credited, 1000, "r-1")); err != nil {
				w.Errorf("refund: %v", err)
			}
		})...)
		domaintest.WantPoints(w.T, "times asked", int64(w.Sandbox.Requests()[cancelRoute]), 1)
		w.wantRefund(credited, "r-1", charge.RefundDone)
		w.WantBalance("minji", domaintest.Full-1100)
	})
}

// TestOfTwoRefundsAtOnceOneIsRefused holds the first at the gateway.
func TestOfTwoRefundsAtOnceOneIsRefused(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited := w.Charged()
		asked, answer := make(chan struct{}), make(chan struct{})
		f.OnCancel(func(rw http.ResponseWriter, r *http.Request) {
			close(asked)
			<-answer
			f.Sandbox.ServeHTTP(rw, r)
		})
		done := make(chan error)
		go func() {
			_, err := w.Refund(w.Context(), domaintest.RefundOf(credited, 1000, "r-1"))
			done <- err
		}()
		<-asked
		_, err := w.Refund(w.Context(), domaintest.RefundOf(credited, 1000, "r-2"))
		w.WantCode(err, apierror.RefundNotPossible)
		same := w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
		if same.Status != charge.RefundHeld {
			w.Fatalf("unexpected refund %+v", same)
		}
		close(answer)
		w.Must(<-done)
		f.Say(f.Sandbox.ServeHTTP)
		w.MustRefund(domaintest.RefundOf(credited, 1000, "r-2"))
		w.WantBalance("minji", domaintest.Full-2200)
	})
}

func TestManyDifferentRefundsAtOnceNeverRefundTooMuch(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		var n, done atomic.Int64
		domaintest.Together(domaintest.Repeat(12, func() {
			_, err := w.Refund(w.Context(), domaintest.RefundOf(credited, 1000, "r-"+strings.Repeat("x", int(n.Add(1)))))
			switch apierror.CodeOf(err) {
			case "":
				done.Add(1)
			case apierror.RefundNotPossible:
			default:
				w.Errorf("refund: %v", err)
			}
		})...)
		if done.Load() < 1 || done.Load() > 5 {
			w.Errorf("%d refunds were made", done.Load())
		}
		w.WantBalance("minji", domaintest.Full-1100*done.Load())
	})
}
