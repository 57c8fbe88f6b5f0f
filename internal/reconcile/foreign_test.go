package reconcile_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/reconcile"
	"pointcharge/internal/sandbox"
)

// putForeign makes n payments of other shops on the same gateway account, all paid at one moment.
func (w *world) putForeign(n int, at time.Time) {
	for i := range n {
		w.Sandbox.Put(sandbox.Payment{MerchantUID: fmt.Sprint("goods-", i), Amount: "5000", Sandbox: true, PaidAt: at.Unix()})
	}
}

// slowLookups makes each look-up of a single payment take 20 ms.
func slowLookups(f *domaintest.Front) {
	f.Say(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/payments/imp_") {
			select {
			case <-time.After(20 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
		f.Sandbox.ServeHTTP(rw, r)
	})
}

// runCutOff reconciles what is due and is cut off after a second.
func (w *world) runCutOff() (reconcile.Run, error) {
	ctx, cancel := context.WithTimeout(w.Context(), time.Second)
	defer cancel()
	return w.ReconcileDue(ctx)
}

// TestD1ForeignPaymentsKeepNoRunFromItsEnd has 120 payments of other shops on the account, look-ups
// of 20 ms, and runs that are cut off after a second. A credited payment is cancelled at the
// console, and its webhook is lost.
func TestD1ForeignPaymentsKeepNoRunFromItsEnd(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StartToday()
		w.putForeign(120, clock.Now().Add(-time.Hour))
		credited := w.Pay(w.OpenOrder("minji"), paidAt(clock.Now()))
		w.MustSync(credited)
		w.WantBalance("minji", domaintest.Full)
		slowLookups(f)
		clock.Pass(time.Minute)
		run, err := w.runCutOff()
		w.Must(err)
		if run.Error != "" {
			w.Fatalf("unexpected run %+v", run)
		}
		w.Must(w.Sandbox.Cancel(credited, ""))
		clock.Pass(10 * time.Minute)
		_, err = w.runCutOff()
		w.Must(err)
		w.WantBalance("minji", 0)
		if n := w.lookups(); n != 2 { // by MustSync and for the cancellation
			w.Errorf("%d look-ups, want 2", n)
		}
	})
}

// TestD1OldDiscrepanciesKeepNoRunFromItsEnd has more misfits than can be looked up in one run.
func TestD1OldDiscrepanciesKeepNoRunFromItsEnd(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StartToday()
		order := w.OpenOrder("junho")
		for range 120 {
			w.Pay(order, paidAt(clock.Now()), func(p *sandbox.Payment) { p.Amount = "10" })
		}
		w.runs()
		credited := w.Pay(w.OpenOrder("minji"), paidAt(clock.Now()))
		w.MustSync(credited)
		f.Say(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/payments/imp_") && r.URL.Path != "/payments/"+credited {
				<-r.Context().Done() // the old ones are never answered
				return
			}
			f.Sandbox.ServeHTTP(rw, r)
		})
		w.Must(w.Sandbox.Cancel(credited, ""))
		clock.Pass(time.Hour)
		run, err := w.runCutOff()
		w.Must(err)
		w.WantBalance("minji", 0)
		if run.Error != "" || !strings.Contains(run.Note, "not looked up again") {
			w.Errorf("unexpected run %+v", run)
		}
		f.Say(f.Sandbox.ServeHTTP)
		clock.Pass(10 * time.Minute)
		if run := w.runs(); run.ToAt.Sub(run.FromAt) != 70*time.Minute || run.Discrepancies != 120 {
			w.Errorf("unexpected run %+v", run)
		}
	})
}

// TestD1AMissingMarkIsUndoneWhenThePaymentIsThere: one run had the keys of another account.
func TestD1AMissingMarkIsUndoneWhenThePaymentIsThere(t *testing.T) {
	t.Parallel()
	for name, rerun := range map[string]time.Duration{"at once": time.Minute, "when no list shows it": 30 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				clock := w.StartToday()
				impUID := w.Pay(w.OpenOrder("minji"), paidAt(clock.Now()))
				w.MustSync(impUID)
				w.Reconciling.LookBack = domaintest.Day
				other := sandbox.New(sandbox.Config{})
				w.Cleanup(other.Close)
				own := w.Gateway
				w.Gateway = domaintest.NewClient(w.T, other, false)
				clock.Pass(time.Minute)
				w.runs()
				w.WantProblem(impUID, charge.NotAtGateway)
				w.Gateway = own
				clock.Pass(rerun)
				w.runs()
				w.WantProblem(impUID, charge.NoProblem)
				w.wantOpen()
			})
		})
	}
}
