package point_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// cancelling makes answer decide about cancellations, and counts them.
func cancelling(f *front, answer http.HandlerFunc) *atomic.Int64 {
	calls := new(atomic.Int64)
	f.onCancel(func(rw http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		answer(rw, r)
	})
	return calls
}

// accepting answers as a provider that gives the money back some other day: there is no new item in cancel_history.
func accepting(f *front, impUID string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		r.Method, r.URL.Path, r.URL.RawQuery = http.MethodGet, "/payments/"+impUID, "include_sandbox=true"
		f.gateway.ServeHTTP(rw, r)
	}
}

// wantOpenRefunds fails unless so many refunds are under way, and returns them.
func (w *world) wantOpenRefunds(n int) []point.Refund {
	w.Helper()
	open, err := w.OpenRefunds(w.Context())
	w.must(err)
	if len(open) != n {
		w.Fatalf("%d refunds are under way, want %d: %+v", len(open), n, open)
	}
	return open
}

// TestWhileAPaymentIsGivenBackNothingElseIsDecided: the money is on its way, so points would be given for nothing, and
// asking again might give it back twice.
func TestWhileAPaymentIsGivenBackNothingElseIsDecided(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		wrong, _ := mispaid(w)
		calls := cancelling(f, accepting(f, wrong))
		w.resolve(decision(wrong, point.RefundIt))
		if r := w.wantOpenRefunds(1)[0]; r.Status != point.RefundAccepted || r.Amount != 4000 || r.RequestedBy != "sora" {
			w.Fatalf("unexpected refund %+v", r)
		}
		for _, action := range []point.Action{point.RefundIt, point.Accept, point.Ignore} {
			w.wantUnresolved(decision(wrong, action), point.RefundNotPossible)
		}
		w.wantProblems(map[string]point.Problem{wrong: point.WrongAmount}) // the money is still here
		w.must(f.gateway.Cancel(wrong, "4000"))
		w.sync(wrong)
		w.wantOpenRefunds(0)
		w.wantProblems(nil)
		w.wantBalance("minji", 0)
		wantPoints(w.T, "calls", calls.Load(), 1)
	})
}

// TestManyOperatorsGiveAPendingPaymentBackOnce, whatever each of them decides.
func TestManyOperatorsGiveAPendingPaymentBackOnce(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		wrong, _ := mispaid(w)
		calls := cancelling(f, accepting(f, wrong))
		var operators sync.WaitGroup
		var decided atomic.Int64
		for i := range 12 {
			action := []point.Action{point.RefundIt, point.Accept}[i%2]
			operators.Go(func() {
				if _, err := w.Resolve(w.Context(), decision(wrong, action)); err == nil {
					decided.Add(1)
				}
			})
		}
		operators.Wait()
		wallet, err := w.Wallet(w.Context(), "minji")
		w.must(err)
		if asked := calls.Load(); decided.Load() != 1 || asked+wallet.Balance/4000 != 1 {
			w.Fatalf("%d decided, the gateway was asked %d times, and minji has %d points", decided.Load(), asked, wallet.Balance)
		}
	})
}

// TestARefundByAnOperatorWhoseAnswerIsLost is read again, like any other.
func TestARefundByAnOperatorWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *front, trouble trouble) {
		wrong, _ := mispaid(w)
		calls := troubled(w, f, trouble, true)
		w.resolve(decision(wrong, point.RefundIt))
		w.wantOpenRefunds(0)
		w.wantProblems(nil)
		wantPoints(w.T, "calls", calls.Load(), 1)
	})
}

// TestARefundByAnOperatorThatNeverArrived is on the list again after a while, and can be asked for again.
func TestARefundByAnOperatorThatNeverArrived(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *front, trouble trouble) {
		clock := w.stopClock()
		wrong, _ := mispaid(w)
		troubled(w, f, trouble, false)
		w.resolve(decision(wrong, point.RefundIt))
		clock.pass(patience - time.Microsecond)
		w.wantUnresolved(decision(wrong, point.RefundIt), point.RefundNotPossible)
		w.wantOpenRefunds(1)
		clock.pass(time.Microsecond)
		f.say(f.gateway.ServeHTTP)
		w.Gateway = w.client(f)
		w.resolve(decision(wrong, point.RefundIt))
		w.wantOpenRefunds(0)
		w.wantProblems(nil)
		if p, _ := w.gateway.Payment(wrong); len(p.CancelHistory) != 1 {
			w.Fatalf("it was cancelled %d times", len(p.CancelHistory))
		}
	})
}

// TestAPartAtTheConsoleIsNotTheOperatorsRefund: an item of the same amount was there before, and another one came.
func TestAPartAtTheConsoleIsNotTheOperatorsRefund(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		wrong, _ := mispaid(w)
		w.must(f.gateway.Cancel(wrong, "2000"))
		cancelling(f, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
		w.resolve(decision(wrong, point.RefundIt))
		w.wantOpenRefunds(1)
		w.must(f.gateway.Cancel(wrong, "500"))
		w.sync(wrong)
		w.wantOpenRefunds(0) // its checksum is wrong now: it can't happen any more
		w.wantProblems(map[string]point.Problem{wrong: point.WrongAmount})
	})
}

// TestARefusedRefundOfAProblemStaysOnTheList and leaves nothing open.
func TestARefusedRefundOfAProblemStaysOnTheList(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		wrong, _ := mispaid(w)
		f.onCancel(func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(rw, `{"code":1,"message":"취소기간이 지났습니다.","response":null}`)
		})
		w.wantUnresolved(decision(wrong, point.RefundIt), point.RefundNotPossible)
		w.wantOpenRefunds(0)
		w.wantProblems(map[string]point.Problem{wrong: point.WrongAmount})
		w.resolve(decision(wrong, point.Accept))
		w.wantBalance("minji", 4000)
	})
}

// TestAnOperatorLetsGoOfARefundThatNeverComes, of a payment for nobody's order, too.
func TestAnOperatorLetsGoOfARefundThatNeverComes(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		stray := w.gateway.Put(sandbox.Payment{MerchantUID: "not-ours", Amount: "1000", Sandbox: true}).ImpUID
		w.sync(stray)
		cancelling(f, accepting(f, stray))
		w.resolve(decision(stray, point.RefundIt))
		open := w.wantOpenRefunds(1)
		_, err := w.ReleaseRefund(w.Context(), open[0].ID)
		w.must(err)
		w.wantOpenRefunds(0)
		w.wantProblems(map[string]point.Problem{stray: point.UnknownOrder})
	})
}

// TestAServerThatDiesWhileAnOperatorRefunds leaves a refund that the next look at the payment ends.
func TestAServerThatDiesWhileAnOperatorRefunds(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		wrong, _ := mispaid(w)
		ctx, die := context.WithCancel(w.Context())
		f.onCancel(func(rw http.ResponseWriter, r *http.Request) {
			f.gateway.ServeHTTP(rw, r)
			die()
			panic(http.ErrAbortHandler)
		})
		_, _ = w.Resolve(ctx, decision(wrong, point.RefundIt))
		f.say(f.gateway.ServeHTTP)
		err := w.SyncRefunds(w.Context())
		w.must(err)
		w.wantOpenRefunds(0)
		w.wantProblems(nil)
	})
}

// TestAnAcceptedPaymentIsNeverRefundedHere, not even when its order is nobody's or paid by another payment and part of
// it was cancelled since: its points would stay.
func TestAnAcceptedPaymentIsNeverRefundedHere(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.order("minji")
		w.sync(w.pay(order))
		second := w.pay(order)
		stray := w.gateway.Put(sandbox.Payment{MerchantUID: "not-ours", Amount: "5000", Sandbox: true}).ImpUID
		for _, impUID := range []string{second, stray} {
			w.sync(impUID)
			in := decision(impUID, point.Accept)
			in.UserID = "minji"
			w.resolve(in)
			w.must(w.gateway.Cancel(impUID, "1000"))
			w.sync(impUID)
			w.wantUnresolved(decision(impUID, point.RefundIt), point.RefundNotPossible)
			w.wantUnresolved(in, point.InvalidArgument) // points for it are given already
		}
		w.wantProblems(map[string]point.Problem{second: point.AcceptedCancelled, stray: point.AcceptedCancelled})
		w.wantBalance("minji", full+10_000)
	})
}

// TestADecisionAboutACreditedPaymentGivesNoPoints, so it must not be asked for any.
func TestADecisionAboutACreditedPaymentGivesNoPoints(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.edit(*charge.ImpUID, func(p *sandbox.Payment) { p.CancelAmount = "1000" })
		w.sync(*charge.ImpUID)
		in := decision(*charge.ImpUID, point.Accept)
		in.Points = 700
		w.wantUnresolved(in, point.InvalidArgument)
		in.Points, in.UserID = 0, "junho"
		w.wantUnresolved(in, point.InvalidArgument)
		w.wantProblems(map[string]point.Problem{*charge.ImpUID: point.WrongCancellations})
	})
}
