package charge_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

// contradictory is a payment of minji's whose cancel_history does not say what was cancelled of it.
func contradictory(w *world) string {
	impUID := w.Pay(w.OpenOrder("minji"), func(p *sandbox.Payment) { p.CancelAmount = "1000" })
	w.MustSync(impUID)
	w.WantProblem(impUID, charge.WrongCancellations)
	return impUID
}

// TestARefundOfAContradictionThatNeverArrived: the torture found it HELD for ever. What was wrong
// before the refund says nothing about it.
func TestARefundOfAContradictionThatNeverArrived(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *domaintest.Front, trouble trouble) {
		clock := w.StopClock()
		impUID := contradictory(w)
		troubled(w, f, trouble, false)
		w.MustResolve(domaintest.Decision(impUID, charge.RefundIt))
		w.MustSync(impUID)
		w.wantOpenRefunds(1)
		clock.Pass(patience)
		w.MustSync(impUID)
		w.wantOpenRefunds(0)
		w.WantProblems(map[string]charge.Problem{impUID: charge.WrongCancellations})
	})
}

func TestARefundOfAContradictionIsDone(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := contradictory(w)
		w.MustResolve(domaintest.Decision(impUID, charge.RefundIt))
		w.wantOpenRefunds(0)
		w.WantProblems(nil)
		if p, _ := w.Sandbox.Payment(impUID); p.CancelAmount != "5000" {
			w.Fatalf("%s of it is cancelled", p.CancelAmount)
		}
	})
}

func TestAnOperatorLetsGoOfTheRefundOfAContradiction(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		impUID := contradictory(w)
		cancelling(f, accepting(f, impUID))
		w.MustResolve(domaintest.Decision(impUID, charge.RefundIt))
		clock.Pass(time.Hour)
		w.MustSync(impUID)
		pending := w.wantOpenRefunds(1)[0]
		if pending.Status != charge.RefundAccepted { // however long it takes
			w.Fatalf("unexpected refund %+v", pending)
		}
		_, err := w.ReleaseRefund(w.Context(), domaintest.Sora(), pending.ID, "결제사 확인")
		w.Must(err)
		w.wantOpenRefunds(0)
	})
}

// TestAHistoryThatIsCompletedIsNotTheRefund: it tells later of what was cancelled before, which
// happens to be as much.
func TestAHistoryThatIsCompletedIsNotTheRefund(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		impUID := w.Pay(w.OpenOrder("minji"), func(p *sandbox.Payment) { p.CancelAmount = "2500" })
		w.MustSync(impUID)
		cancelling(f, accepting(f, impUID))
		w.MustResolve(domaintest.Decision(impUID, charge.RefundIt))
		w.EditPayment(impUID, func(p *sandbox.Payment) {
			p.CancelHistory = []sandbox.Cancellation{{Amount: "2500", CancelledAt: 1, CancellationID: "c-1", PGTID: "T", Reason: "console"}}
		})
		w.MustSync(impUID)
		if r := w.wantOpenRefunds(1)[0]; r.Status != charge.RefundAccepted {
			w.Fatalf("unexpected refund %+v", r)
		}
		w.CancelAtConsole(impUID, 2500)
		w.wantOpenRefunds(0)
		w.WantBalance("minji", 0)
	})
}

// TestWhatIamportForgotIsNotRefundedAndARefundOfItCanBeLetGo: nobody will ever hear of it again.
func TestWhatIamportForgotIsNotRefundedAndARefundOfItCanBeLetGo(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		wrong, _ := w.Mispaid()
		credited := w.Charged()
		forget := func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(rw, `{"code":1,"message":"존재하지 않는 결제정보입니다.","response":null}`)
		}
		f.OnCancel(func(http.ResponseWriter, *http.Request) {
			f.Say(forget)
			panic(http.ErrAbortHandler)
		})
		_, err := w.Refund(w.Context(), domaintest.RefundOf(credited, 1000, "r-1"))
		w.WantCode(err, apierror.PaymentNotFound)
		w.wantUnresolved(domaintest.Decision(wrong, charge.RefundIt), apierror.RefundNotPossible)
		held := w.wantOpenRefunds(1)[0]
		clock.Pass(time.Hour)
		_, err = w.ReleaseRefund(w.Context(), domaintest.Sora(), held.ID, "결제사 확인")
		w.Must(err)
		w.WantSpendable(domaintest.Full)
		w.MustResolve(domaintest.Decision(wrong, charge.Ignore))
	})
}
