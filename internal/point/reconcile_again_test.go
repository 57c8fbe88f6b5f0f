package point_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// runs reconciles what is due.
func (w *world) runs() point.Reconciliation {
	w.Helper()
	run, err := w.ReconcileDue(w.Context())
	w.must(err)
	return run
}

// unanswered has the gateway give no answer about one payment.
func (f *front) unanswered(impUID string) {
	f.say(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/payments/"+impUID {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		f.gateway.ServeHTTP(w, r)
	})
}

// TestWhatWasDecidedAndThenCannotBeReadIsLookedUpAgain: a second deposit was ignored, then all was cancelled at the
// console, and for a while nobody can tell.
func TestWhatWasDecidedAndThenCannotBeReadIsLookedUpAgain(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.today()
		impUID := w.issued(w.vbankOrder())
		w.must(w.gateway.Deposit(impUID, "5000"))
		w.must(w.gateway.ForceDeposit(impUID, "5000"))
		w.sync(impUID)
		w.wantProblems(map[string]point.Problem{impUID: point.WrongDeposit})
		w.resolve(decision(impUID, point.Ignore))
		clock.pass(time.Minute)
		w.runs()
		w.must(w.gateway.Cancel(impUID, "5000"))
		f.unanswered(impUID)
		clock.pass(time.Hour)
		w.wantDifferences(w.runs(), "UNREADABLE "+impUID)
		w.wantOpen("UNREADABLE " + impUID)
		f.say(f.gateway.ServeHTTP)
		clock.pass(3 * time.Hour) // no list shows it any more
		w.runs()
		w.wantBalance("minji", 0)
	})
}

// TestWhatTheListOfProblemsHasIsNotOpenToo, and a payment for no order of ours is looked up but once more.
func TestWhatTheListOfProblemsHasIsNotOpenToo(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		wrong := w.pay(w.order("minji"), paidAt(clock.now()), func(p *sandbox.Payment) { p.Amount = "10" })
		strange := w.gateway.Put(sandbox.Payment{MerchantUID: "strange", Amount: "5000", Sandbox: true, PaidAt: clock.now().Unix()}).ImpUID
		w.wantDifferences(w.runs(), "AMOUNT "+wrong, "MISSING_HERE "+strange)
		w.wantOpen()
		for _, want := range []int{4, 5, 6} {
			clock.pass(3 * time.Hour)
			w.wantDifferences(w.runs(), "AMOUNT "+wrong)
			w.wantOpen()
			if got := w.lookups(); got != want {
				w.Errorf("%d look-ups, want %d", got, want)
			}
		}
	})
}

// later has days pass, with a reconciliation at the end of each.
func (w *world) later(clock *clock, days int) {
	w.Helper()
	for range days {
		clock.pass(day + time.Minute)
		w.runs()
	}
}

// TestAPartialCancellationThatIsShownAsPaidIsSeenWithinADay: it is on no list of cancelled payments (contract §0.3), and
// its webhook is lost.
func TestAPartialCancellationThatIsShownAsPaidIsSeenWithinADay(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.today()
		impUID := w.pay(w.order("minji"), paidAt(clock.now()))
		w.sync(impUID)
		w.later(clock, 3)
		w.must(w.gateway.Cancel(impUID, "2500"))
		w.edit(impUID, func(p *sandbox.Payment) { p.Status = sandbox.Paid })
		w.later(clock, 1)
		w.wantBalance("minji", full-2750)
	})
}

// TestASecondDepositIsSeenWithinADay: it does not change when the payment was paid.
func TestASecondDepositIsSeenWithinADay(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.today()
		impUID := w.issued(w.vbankOrder())
		w.must(w.gateway.Deposit(impUID, "5000"))
		w.sync(impUID)
		w.later(clock, 3)
		w.must(w.gateway.ForceDeposit(impUID, "5000"))
		w.later(clock, 1)
		w.wantProblems(map[string]point.Problem{impUID: point.WrongDeposit})
	})
}

// TestWhatAnOperatorDecidedIsNoDifference, until it is another question.
func TestWhatAnOperatorDecidedIsNoDifference(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.order("minji")
		w.sync(w.pay(order))
		second := w.pay(order)
		w.sync(second)
		w.resolve(decision(second, point.Accept))
		wrong, _ := mispaid(w)
		w.wantDifferences(w.reconcile(), "AMOUNT "+wrong)
		w.resolve(decision(wrong, point.Ignore))
		w.wantDifferences(w.reconcile())
		w.must(w.gateway.Cancel(wrong, "1000"))
		w.sync(wrong)
		w.wantDifferences(w.reconcile(), "AMOUNT "+wrong)
		open, err := w.OpenDifferences(w.Context())
		w.must(err)
		if len(open) != 0 { // it is on the list of problems
			w.Fatalf("open differences %+v", open)
		}
	})
}

// TestFailingRunsListAPaymentOnce, however many there are.
func TestFailingRunsListAPaymentOnce(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.today()
		bad := w.pay(w.order("junho"), paidAt(clock.now()))
		clock.pass(time.Minute)
		f.say(func(rw http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/payments/" + bad:
				rw.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(rw, `{"code":-1,"response":null}`)
			case "/payments/status/cancelled":
				_, _ = io.WriteString(rw, `{"code":0,"message":null,"response":{"total":1,"previous":0,"next":0,"list":[]}}`)
			default:
				f.gateway.ServeHTTP(rw, r)
			}
		})
		for range 5 {
			clock.pass(10 * time.Minute)
			_, err := w.ReconcileDue(w.Context())
			w.wantCode(err, point.GatewayUnavailable)
		}
		open, err := w.OpenDifferences(w.Context())
		w.must(err)
		if len(open) != 1 || open[0].ImpUID != bad || open[0].Kind != point.UnreadableThere {
			w.Fatalf("open differences %+v", open)
		}
		f.say(f.gateway.ServeHTTP)
		clock.pass(10 * time.Minute)
		_, err = w.ReconcileDue(w.Context())
		w.must(err)
		if open, err = w.OpenDifferences(w.Context()); err != nil || len(open) != 0 {
			w.Fatalf("open differences %+v, %v", open, err)
		}
	})
}
