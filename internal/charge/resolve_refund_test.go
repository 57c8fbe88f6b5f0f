package charge_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

// cancelling makes answer decide about cancellations, and counts them.
func cancelling(f *domaintest.Front, answer http.HandlerFunc) *atomic.Int64 {
	calls := new(atomic.Int64)
	f.OnCancel(func(rw http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		answer(rw, r)
	})
	return calls
}

// accepting answers as a provider that gives the money back some other day: there is no new item
// in cancel_history.
func accepting(f *domaintest.Front, impUID string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		r.Method, r.URL.Path, r.URL.RawQuery = http.MethodGet, "/payments/"+impUID, "include_sandbox=true"
		f.Sandbox.ServeHTTP(rw, r)
	}
}

// wantOpenRefunds fails unless so many refunds are under way, and returns them.
func (w *world) wantOpenRefunds(n int) []charge.Refund {
	w.Helper()
	open, err := w.OpenRefunds(w.Context())
	w.Must(err)
	if len(open) != n {
		w.Fatalf("%d refunds are under way, want %d: %+v", len(open), n, open)
	}
	return open
}

// TestWhileAPaymentIsGivenBackNothingElseIsDecided: the money is on its way, so points would be
// given for nothing, and asking again might give it back twice.
func TestWhileAPaymentIsGivenBackNothingElseIsDecided(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		wrong, _ := w.Mispaid()
		calls := cancelling(f, accepting(f, wrong))
		w.MustResolve(domaintest.Decision(wrong, charge.RefundIt))
		if r := w.wantOpenRefunds(1)[0]; r.Status != charge.RefundAccepted || r.Amount != 4000 || r.Actor != domaintest.Sora() {
			w.Fatalf("unexpected refund %+v", r)
		}
		for _, action := range []charge.Action{charge.RefundIt, charge.Accept, charge.Ignore} {
			w.wantUnresolved(domaintest.Decision(wrong, action), apierror.RefundNotPossible)
		}
		w.WantProblems(map[string]charge.Problem{wrong: charge.WrongAmount}) // the money is still here
		w.Must(f.Sandbox.Cancel(wrong, "4000"))
		w.MustSync(wrong)
		w.wantOpenRefunds(0)
		w.WantProblems(nil)
		w.WantBalance("minji", 0)
		domaintest.WantPoints(w.T, "calls", calls.Load(), 1)
	})
}

// TestManyOperatorsGiveAPendingPaymentBackOnce, whatever each of them decides.
func TestManyOperatorsGiveAPendingPaymentBackOnce(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		wrong, _ := w.Mispaid()
		calls := cancelling(f, accepting(f, wrong))
		var operators sync.WaitGroup
		var decided atomic.Int64
		for i := range 12 {
			action := []charge.Action{charge.RefundIt, charge.Accept}[i%2]
			operators.Go(func() {
				if _, err := w.Resolve(w.Context(), domaintest.Decision(wrong, action)); err == nil {
					decided.Add(1)
				}
			})
		}
		operators.Wait()
		wallet, err := w.Wallet(w.Context(), "minji")
		w.Must(err)
		if asked := calls.Load(); decided.Load() != 1 || asked+wallet.Balance/4000 != 1 {
			w.Fatalf("%d decided, the gateway was asked %d times, and minji has %d points", decided.Load(), asked, wallet.Balance)
		}
	})
}

// TestARefundByAnOperatorWhoseAnswerIsLost is read again, like any other.
func TestARefundByAnOperatorWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *domaintest.Front, trouble trouble) {
		wrong, _ := w.Mispaid()
		calls := troubled(w, f, trouble, true)
		w.MustResolve(domaintest.Decision(wrong, charge.RefundIt))
		w.wantOpenRefunds(0)
		w.WantProblems(nil)
		domaintest.WantPoints(w.T, "calls", calls.Load(), 1)
	})
}

// TestARefundByAnOperatorThatNeverArrived is on the list again after a while, and can be asked
// for again.
func TestARefundByAnOperatorThatNeverArrived(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *domaintest.Front, trouble trouble) {
		clock := w.StopClock()
		wrong, _ := w.Mispaid()
		troubled(w, f, trouble, false)
		w.MustResolve(domaintest.Decision(wrong, charge.RefundIt))
		clock.Pass(patience - time.Microsecond)
		w.wantUnresolved(domaintest.Decision(wrong, charge.RefundIt), apierror.RefundNotPossible)
		w.wantOpenRefunds(1)
		clock.Pass(time.Microsecond)
		f.Say(f.Sandbox.ServeHTTP)
		w.Gateway = domaintest.NewClient(w.T, f, w.Live)
		w.MustResolve(domaintest.Decision(wrong, charge.RefundIt))
		w.wantOpenRefunds(0)
		w.WantProblems(nil)
		if p, _ := w.Sandbox.Payment(wrong); len(p.CancelHistory) != 1 {
			w.Fatalf("it was cancelled %d times", len(p.CancelHistory))
		}
	})
}

// TestAPartAtTheConsoleIsNotTheOperatorsRefund: an item of the same amount was there before, and
// another one came.
func TestAPartAtTheConsoleIsNotTheOperatorsRefund(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		wrong, _ := w.Mispaid()
		w.Must(f.Sandbox.Cancel(wrong, "2000"))
		cancelling(f, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
		w.MustResolve(domaintest.Decision(wrong, charge.RefundIt))
		w.wantOpenRefunds(1)
		w.Must(f.Sandbox.Cancel(wrong, "500"))
		w.MustSync(wrong)
		w.wantOpenRefunds(0) // its checksum is wrong now: it can't happen any more
		w.WantProblems(map[string]charge.Problem{wrong: charge.WrongAmount})
	})
}

// TestARefusedRefundOfAProblemStaysOnTheList and leaves nothing open.
func TestARefusedRefundOfAProblemStaysOnTheList(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		wrong, _ := w.Mispaid()
		f.OnCancel(func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(rw, `{"code":1,"message":"취소기간이 지났습니다.","response":null}`)
		})
		w.wantUnresolved(domaintest.Decision(wrong, charge.RefundIt), apierror.RefundNotPossible)
		w.wantOpenRefunds(0)
		w.WantProblems(map[string]charge.Problem{wrong: charge.WrongAmount})
		w.MustResolve(domaintest.Decision(wrong, charge.Accept))
		w.WantBalance("minji", 4000)
	})
}

// TestAnOperatorLetsGoOfARefundThatNeverComes, of a payment for nobody's order, too.
func TestAnOperatorLetsGoOfARefundThatNeverComes(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		stray := w.Sandbox.Put(sandbox.Payment{MerchantUID: "not-ours", Amount: "1000", Sandbox: true}).ImpUID
		w.MustSync(stray)
		cancelling(f, accepting(f, stray))
		w.MustResolve(domaintest.Decision(stray, charge.RefundIt))
		open := w.wantOpenRefunds(1)
		_, err := w.ReleaseRefund(w.Context(), domaintest.Sora(), open[0].ID, "결제사 확인")
		w.Must(err)
		w.wantOpenRefunds(0)
		w.wantCounts(charge.ProblemKindCount{State: charge.Foreign, Problem: charge.UnknownOrder, Payments: 1})
	})
}

// TestAServerThatDiesWhileAnOperatorRefunds leaves a refund that the next look at the payment ends.
func TestAServerThatDiesWhileAnOperatorRefunds(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		wrong, _ := w.Mispaid()
		ctx, die := context.WithCancel(w.Context())
		f.OnCancel(func(rw http.ResponseWriter, r *http.Request) {
			f.Sandbox.ServeHTTP(rw, r)
			die()
			panic(http.ErrAbortHandler)
		})
		_, _ = w.Resolve(ctx, domaintest.Decision(wrong, charge.RefundIt))
		f.Say(f.Sandbox.ServeHTTP)
		_, err := w.SyncRefunds(w.Context())
		w.Must(err)
		w.wantOpenRefunds(0)
		w.WantProblems(nil)
	})
}

// TestAnAcceptedPaymentIsNeverRefundedHere, not even when its order is nobody's or paid by
// another payment and part of it was cancelled since: its points would stay.
func TestAnAcceptedPaymentIsNeverRefundedHere(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenOrder("minji")
		w.MustSync(w.Pay(order))
		second := w.Pay(order)
		stray := w.Sandbox.Put(sandbox.Payment{MerchantUID: "not-ours", Amount: "5000", Sandbox: true}).ImpUID
		for _, impUID := range []string{second, stray} {
			w.MustSync(impUID)
			in := domaintest.Decision(impUID, charge.Accept)
			in.UserID = "minji"
			w.MustResolve(in)
			w.Must(w.Sandbox.Cancel(impUID, "1000"))
			w.MustSync(impUID)
			w.wantUnresolved(domaintest.Decision(impUID, charge.RefundIt), apierror.RefundNotPossible)
			w.wantUnresolved(in, apierror.InvalidArgument) // points for it are given already
		}
		w.WantProblems(map[string]charge.Problem{second: charge.AcceptedCancelled, stray: charge.AcceptedCancelled})
		w.WantBalance("minji", domaintest.Full+10_000)
	})
}

// TestADecisionAboutACreditedPaymentGivesNoPoints, so it must not be asked for any.
func TestADecisionAboutACreditedPaymentGivesNoPoints(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.EditPayment(*credited.ImpUID, func(p *sandbox.Payment) { p.CancelAmount = "1000" })
		w.MustSync(*credited.ImpUID)
		in := domaintest.Decision(*credited.ImpUID, charge.Accept)
		in.Points = 700
		w.wantUnresolved(in, apierror.InvalidArgument)
		in.Points, in.UserID = 0, "junho"
		w.wantUnresolved(in, apierror.InvalidArgument)
		w.WantProblems(map[string]charge.Problem{*credited.ImpUID: charge.WrongCancellations})
	})
}
