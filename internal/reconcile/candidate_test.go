package reconcile_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/reconcile"
	"pointcharge/internal/sandbox"
)

// runs reconciles what is due.
func (w *world) runs() reconcile.Run {
	w.Helper()
	run, err := w.ReconcileDue(w.Context())
	w.Must(err)
	return run
}

// TestWhatWasDecidedAndThenCannotBeReadIsLookedUpAgain: a second deposit was ignored, then all was
// cancelled at the console, and for a while nobody can tell.
func TestWhatWasDecidedAndThenCannotBeReadIsLookedUpAgain(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StartToday()
		impUID := w.IssueAccount(w.OpenAccountOrder())
		w.Must(w.Sandbox.Deposit(impUID, "5000"))
		w.Must(w.Sandbox.ForceDeposit(impUID, "5000"))
		w.MustSync(impUID)
		w.WantProblems(map[string]charge.Problem{impUID: charge.WrongDeposit})
		w.MustResolve(domaintest.Decision(impUID, charge.Ignore))
		clock.Pass(time.Minute)
		w.runs()
		w.Must(w.Sandbox.Cancel(impUID, "5000"))
		f.HideAnswer(impUID)
		clock.Pass(time.Hour)
		w.wantDiscrepancies(w.runs(), "UNREADABLE "+impUID)
		w.wantOpen("UNREADABLE " + impUID)
		f.Say(f.Sandbox.ServeHTTP)
		clock.Pass(3 * time.Hour) // no list shows it any more
		w.runs()
		w.WantBalance("minji", 0)
	})
}

// TestWhatTheListOfProblemsHasIsNotOpenToo, and it is looked up again at growing intervals.
func TestWhatTheListOfProblemsHasIsNotOpenToo(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		wrong := w.Pay(w.OpenOrder("minji"), paidAt(clock.Now()), func(p *sandbox.Payment) { p.Amount = "10" })
		w.wantDiscrepancies(w.runs(), "AMOUNT "+wrong)
		w.wantOpen()
		for _, want := range []int{2, 3, 4} {
			clock.Pass(3 * time.Hour)
			w.wantDiscrepancies(w.runs(), "AMOUNT "+wrong)
			w.wantOpen()
			if got := w.lookups(); got != want {
				w.Errorf("%d look-ups, want %d", got, want)
			}
		}
	})
}

// later has days pass, with a reconciliation at the end of each.
func (w *world) later(clock *domaintest.Clock, days int) {
	w.Helper()
	for range days {
		clock.Pass(domaintest.Day + time.Minute)
		w.runs()
	}
}

// TestAPartialCancellationThatIsShownAsPaidIsSeenWithinADay: it is on no list of cancelled payments
// (contract §0.3), and its webhook is lost.
func TestAPartialCancellationThatIsShownAsPaidIsSeenWithinADay(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StartToday()
		impUID := w.Pay(w.OpenOrder("minji"), paidAt(clock.Now()))
		w.MustSync(impUID)
		w.later(clock, 3)
		w.Must(w.Sandbox.Cancel(impUID, "2500"))
		w.EditPayment(impUID, func(p *sandbox.Payment) { p.Status = sandbox.Paid })
		w.later(clock, 1)
		w.WantBalance("minji", domaintest.Full-2750)
	})
}

// TestASecondDepositIsSeenWithinADay: it does not change when the payment was paid.
func TestASecondDepositIsSeenWithinADay(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StartToday()
		impUID := w.IssueAccount(w.OpenAccountOrder())
		w.Must(w.Sandbox.Deposit(impUID, "5000"))
		w.MustSync(impUID)
		w.later(clock, 3)
		w.Must(w.Sandbox.ForceDeposit(impUID, "5000"))
		w.later(clock, 1)
		w.WantProblems(map[string]charge.Problem{impUID: charge.WrongDeposit})
	})
}

// TestWhatAnOperatorDecidedIsNoDiscrepancy, until it is another question.
func TestWhatAnOperatorDecidedIsNoDiscrepancy(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenOrder("minji")
		w.MustSync(w.Pay(order))
		second := w.Pay(order)
		w.MustSync(second)
		w.MustResolve(domaintest.Decision(second, charge.Accept))
		wrong, _ := w.Mispaid()
		w.wantDiscrepancies(w.reconcile(), "AMOUNT "+wrong)
		w.MustResolve(domaintest.Decision(wrong, charge.Ignore))
		w.wantDiscrepancies(w.reconcile(), "AMOUNT "+wrong+" repaired") // it is closed
		w.wantDiscrepancies(w.reconcile())
		w.Must(w.Sandbox.Cancel(wrong, "1000"))
		w.MustSync(wrong)
		w.wantDiscrepancies(w.reconcile(), "AMOUNT "+wrong)
		open, err := w.OpenDiscrepancies(w.Context(), "", 100)
		w.Must(err)
		if len(open) != 0 { // it is on the list of problems
			w.Fatalf("open discrepancies %+v", open)
		}
	})
}

// TestFailingRunsListAPaymentOnce, however many there are.
func TestFailingRunsListAPaymentOnce(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StartToday()
		bad := w.Pay(w.OpenOrder("junho"), paidAt(clock.Now()))
		clock.Pass(time.Minute)
		f.Say(func(rw http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/payments/" + bad:
				rw.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(rw, `{"code":-1,"response":null}`)
			case "/payments/status/cancelled":
				_, _ = io.WriteString(rw, `{"code":0,"message":null,"response":{"total":1,"previous":0,"next":0,"list":[]}}`)
			default:
				f.Sandbox.ServeHTTP(rw, r)
			}
		})
		for range 5 {
			clock.Pass(10 * time.Minute)
			_, err := w.ReconcileDue(w.Context())
			w.WantCode(err, apierror.GatewayUnavailable)
		}
		open, err := w.OpenDiscrepancies(w.Context(), "", 100)
		w.Must(err)
		if len(open) != 1 || open[0].ImpUID != bad || open[0].Kind != reconcile.UnreadableThere {
			w.Fatalf("open discrepancies %+v", open)
		}
		f.Say(f.Sandbox.ServeHTTP)
		clock.Pass(10 * time.Minute)
		_, err = w.ReconcileDue(w.Context())
		w.Must(err)
		if open, err = w.OpenDiscrepancies(w.Context(), "", 100); err != nil || len(open) != 0 {
			w.Fatalf("open discrepancies %+v, %v", open, err)
		}
	})
}
