package point_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// contradictory is a payment of minji's whose cancel_history does not say what was cancelled of it.
func contradictory(w *world) string {
	impUID := w.pay(w.order("minji"), func(p *sandbox.Payment) { p.CancelAmount = "1000" })
	w.sync(impUID)
	w.wantProblem(impUID, point.WrongCancellations)
	return impUID
}

// TestARefundOfAContradictionThatNeverArrived: the torture found it HELD for ever. What was wrong before the refund says
// nothing about it.
func TestARefundOfAContradictionThatNeverArrived(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *front, trouble trouble) {
		clock := w.stopClock()
		impUID := contradictory(w)
		troubled(w, f, trouble, false)
		w.resolve(decision(impUID, point.RefundIt))
		w.sync(impUID)
		w.wantOpenRefunds(1)
		clock.pass(patience)
		w.sync(impUID)
		w.wantOpenRefunds(0)
		w.wantProblems(map[string]point.Problem{impUID: point.WrongCancellations})
	})
}

func TestARefundOfAContradictionIsDone(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := contradictory(w)
		w.resolve(decision(impUID, point.RefundIt))
		w.wantOpenRefunds(0)
		w.wantProblems(nil)
		if p, _ := w.gateway.Payment(impUID); p.CancelAmount != "5000" {
			w.Fatalf("%s of it is cancelled", p.CancelAmount)
		}
	})
}

func TestAnOperatorLetsGoOfTheRefundOfAContradiction(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		impUID := contradictory(w)
		cancelling(f, accepting(f, impUID))
		w.resolve(decision(impUID, point.RefundIt))
		clock.pass(time.Hour)
		w.sync(impUID)
		pending := w.wantOpenRefunds(1)[0]
		if pending.Status != point.RefundAccepted { // however long it takes
			w.Fatalf("unexpected refund %+v", pending)
		}
		_, err := w.ReleaseRefund(w.Context(), pending.ID)
		w.must(err)
		w.wantOpenRefunds(0)
	})
}

// TestAHistoryThatIsCompletedIsNotTheRefund: it tells later of what was cancelled before, which happens to be as much.
func TestAHistoryThatIsCompletedIsNotTheRefund(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		impUID := w.pay(w.order("minji"), func(p *sandbox.Payment) { p.CancelAmount = "2500" })
		w.sync(impUID)
		cancelling(f, accepting(f, impUID))
		w.resolve(decision(impUID, point.RefundIt))
		w.edit(impUID, func(p *sandbox.Payment) {
			p.CancelHistory = []sandbox.Cancellation{{Amount: "2500", CancelledAt: 1, CancellationID: "c-1", PGTID: "T", Reason: "console"}}
		})
		w.sync(impUID)
		if r := w.wantOpenRefunds(1)[0]; r.Status != point.RefundAccepted {
			w.Fatalf("unexpected refund %+v", r)
		}
		w.consoleCancel(impUID, 2500)
		w.wantOpenRefunds(0)
		w.wantBalance("minji", 0)
	})
}

// TestWhatIamportForgotIsNotRefundedAndARefundOfItCanBeLetGo: nobody will ever hear of it again.
func TestWhatIamportForgotIsNotRefundedAndARefundOfItCanBeLetGo(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		wrong, _ := mispaid(w)
		charge := charged(w)
		forget := func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(rw, `{"code":1,"message":"존재하지 않는 결제정보입니다.","response":null}`)
		}
		f.onCancel(func(http.ResponseWriter, *http.Request) {
			f.say(forget)
			panic(http.ErrAbortHandler)
		})
		_, err := w.Refund(w.Context(), asks(charge, 1000, "r-1"))
		w.wantCode(err, point.PaymentNotFound)
		w.wantUnresolved(decision(wrong, point.RefundIt), point.RefundNotPossible)
		held := w.wantOpenRefunds(1)[0]
		clock.pass(time.Hour)
		_, err = w.ReleaseRefund(w.Context(), held.ID)
		w.must(err)
		w.wantSpendable(full)
		w.resolve(decision(wrong, point.Ignore))
	})
}
