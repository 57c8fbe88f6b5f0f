package reconcile_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/iamport"
	"pointcharge/internal/reconcile"
	"pointcharge/internal/sandbox"
)

// reconcile compares the last hour.
func (w *world) reconcile() reconcile.Run {
	w.Helper()
	run, err := w.Reconcile(w.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	w.Must(err)
	if run.FinishedAt == nil || run.Error != "" {
		w.Fatalf("unexpected run %+v", run)
	}
	return run
}

// wantDiscrepancies fails unless the run wrote just these, each "KIND imp_uid" or "KIND imp_uid
// repaired", in any order.
func (w *world) wantDiscrepancies(run reconcile.Run, want ...string) {
	w.Helper()
	got, repaired := []string{}, int64(0)
	for d, err := range w.Discrepancies(w.Context(), run.ID) {
		w.Must(err)
		text := fmt.Sprintf("%s %s", d.Kind, d.ImpUID)
		if d.State == reconcile.Repaired {
			text += " repaired"
			repaired++
		}
		if got = append(got, text); d.Ours == "" && d.Theirs == "" {
			w.Errorf("%s says nothing: %+v", text, d)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, slices.Sorted(slices.Values(want))) || run.Repaired != repaired || run.Repaired+run.Discrepancies != int64(len(want)) {
		w.Fatalf("found %q, want %q in %+v", got, want, run)
	}
}

// lookups is how often single payments were asked for.
func (w *world) lookups() int { return w.Sandbox.Requests()["GET /payments/{imp_uid}"] }

// eachForgetful has a gateway that forgets all payments but the newest, and lists two on a page.
func eachForgetful(t *testing.T, remembered int, test func(w *world, f *domaintest.Front)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		gateway := sandbox.New(sandbox.Config{MaxPayments: remembered})
		t.Cleanup(gateway.Close)
		f := &domaintest.Front{Sandbox: gateway}
		w := newWorldBehind(t, db, "sandbox", gateway, f)
		server := httptest.NewServer(f)
		t.Cleanup(server.Close)
		w.Gateway = iamport.New(iamport.Config{URL: server.URL, Key: "k", Secret: "s", IncludeSandbox: true, PageSize: 2,
			RetryDelay: time.Millisecond})
		test(w, f)
	})
}

// TestReconcileCreditsWhatNobodyToldUsOf has one connection: Reconcile holds none while it asks the
// gateway.
func TestReconcileCreditsWhatNobodyToldUsOf(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		pool, err := w.DB.DB()
		w.Must(err)
		pool.SetMaxOpenConns(1)
		w.Charged()
		impUID := w.Pay(w.OpenOrder("junho"))
		run := w.reconcile()
		w.wantDiscrepancies(run, "MISSING_HERE "+impUID+" repaired")
		w.WantBalance("junho", domaintest.Full)
		if run.Listed != 2 || run.Compared != 2 {
			w.Errorf("unexpected run %+v", run)
		}
		asked := w.lookups()
		w.wantDiscrepancies(w.reconcile())
		w.WantBalance("junho", domaintest.Full)
		if w.lookups() != asked {
			w.Error("payments that agree were looked up")
		}
	})
}

func TestReconcileCreditsADepositNobodyToldUsOf(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.Pay(w.OpenOrder("minji"), domaintest.WithStatus(sandbox.Ready))
		w.MustSync(impUID)
		w.EditPayment(impUID, domaintest.WithStatus(sandbox.Paid))
		w.wantDiscrepancies(w.reconcile(), "MISSING_HERE "+impUID+" repaired")
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestReconcileClawsBackWhatNobodyToldUsOf(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		part, all := w.Charged(), w.Charged()
		w.Must(w.Sandbox.Cancel(*part.ImpUID, "1000"))
		w.Must(w.Sandbox.Cancel(*all.ImpUID, ""))
		w.wantDiscrepancies(w.reconcile(), "CANCELLED_AMOUNT "+*part.ImpUID+" repaired", "CANCELLED_AMOUNT "+*all.ImpUID+" repaired")
		w.WantBalance("minji", domaintest.Full-1100)
		w.wantDiscrepancies(w.reconcile())
	})
}

// TestReconcileBelievesTheLookUp is given an old copy by the list: the payment was cancelled and
// synced since.
func TestReconcileBelievesTheLookUp(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited := w.Charged()
		old := httptest.NewRecorder()
		f.OnList(func(rw *httptest.ResponseRecorder, _ *http.Request) { // the first list keeps what the others repeat
			if old.Body.Len() == 0 {
				old.Body.Write(rw.Body.Bytes())
				w.CancelAtConsole(*credited.ImpUID, 1000)
			}
			rw.Body.Reset()
			rw.Body.Write(old.Body.Bytes())
		})
		w.wantDiscrepancies(w.reconcile())
		w.WantBalance("minji", domaintest.Full-1100)
	})
}

func TestReconcileReportsWhatItCannotHeal(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		unknown := w.Sandbox.Put(sandbox.Payment{MerchantUID: "strange", Amount: "5000", Sandbox: true}).ImpUID
		amount := w.Pay(w.OpenOrder("minji"), func(p *sandbox.Payment) { p.Amount = "10" })
		currency := w.Pay(w.OpenOrder("minji"), func(p *sandbox.Payment) { p.Currency = "USD" })
		again := w.Sandbox.Put(sandbox.Payment{MerchantUID: *credited.Reference, Amount: "5000", Sandbox: true}).ImpUID
		history := w.Charged()
		w.EditPayment(*history.ImpUID, func(p *sandbox.Payment) {
			p.Status, p.CancelAmount, p.CancelledAt = sandbox.Cancelled, "1000", p.PaidAt
		})
		want := []string{"AMOUNT " + amount, "AMOUNT " + currency, "OWNER " + again, "CANCELLED_AMOUNT " + *history.ImpUID}
		for range 2 {
			run := w.reconcile()
			w.wantDiscrepancies(run, want...)
			if run.Foreign != 1 {
				w.Errorf("%d foreign payments, want 1", run.Foreign)
			}
		}
		w.WantBalance("minji", 2*domaintest.Full)
		if n := w.Count("payments", "imp_uid = ?", unknown); n != 0 {
			w.Error("a foreign payment is in the books")
		}
		w.EditPayment(*history.ImpUID, func(p *sandbox.Payment) {
			p.CancelHistory = []sandbox.Cancellation{{Amount: "1000", CancellationID: "can_1", CancelledAt: p.PaidAt}}
		})
		w.wantDiscrepancies(w.reconcile(), append(want[:3], "CANCELLED_AMOUNT "+*history.ImpUID+" repaired")...)
		w.WantBalance("minji", 2*domaintest.Full-1100)
	})
}

func TestReconcileGivesAClaimedPaymentToItsOwner(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.Pay(w.OpenOrder("minji"))
		_, err := w.Charge(w.Context(), "junho", impUID)
		w.WantCode(err, apierror.PaymentNotFound)
		w.WantProblem(impUID, charge.AnotherUser)
		w.wantDiscrepancies(w.reconcile(), "OWNER "+impUID+" repaired")
		w.WantBalance("minji", domaintest.Full)
		w.WantBalance("junho", 0)
	})
}

// TestReconcileReportsAPaymentThatChangedAfterItWasCredited: Iamport's answers contradict each
// other.
func TestReconcileReportsAPaymentThatChangedAfterItWasCredited(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for name, change := range map[string]func(*sandbox.Payment){
			"AMOUNT": func(p *sandbox.Payment) { p.Amount = "50000" },
			"OWNER":  func(p *sandbox.Payment) { p.MerchantUID = "strange" },
		} {
			credited := w.Charged()
			before, _ := w.Sandbox.Payment(*credited.ImpUID)
			w.EditPayment(*credited.ImpUID, change)
			for range 2 {
				w.wantDiscrepancies(w.reconcile(), name+" "+*credited.ImpUID)
			}
			w.Sandbox.Put(before)
			w.reconcile()
			w.wantDiscrepancies(w.reconcile())
			w.WantProblem(*credited.ImpUID, charge.NoProblem)
		}
		w.WantBalance("minji", 2*domaintest.Full)
	})
}

func TestReconcileMarksACreditedPaymentTheGatewayLost(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 1, func(w *world, _ *domaintest.Front) {
		credited := w.Charged()
		lost, _ := w.Sandbox.Payment(*credited.ImpUID)
		kept := w.Charged()
		for range 2 {
			w.wantDiscrepancies(w.reconcile(), "MISSING_AT_GATEWAY "+*credited.ImpUID)
			w.WantProblem(*credited.ImpUID, charge.NotAtGateway)
		}
		w.WantProblem(*kept.ImpUID, charge.NoProblem)
		w.WantBalance("minji", 2*domaintest.Full)
		w.Sandbox.Put(lost)
		w.MustSync(*credited.ImpUID)
		w.WantProblem(*credited.ImpUID, charge.NoProblem)
	})
}

func TestF20ReconcileLeavesTestPaymentsAlone(t *testing.T) {
	t.Parallel()
	eachLive(t, func(w *world) {
		test := func(p *sandbox.Payment) { p.Sandbox = true }
		w.Sandbox.Put(sandbox.Payment{MerchantUID: "strange", Amount: "5000", Sandbox: true})
		abuse := w.Pay(w.OpenOrder("minji"), test)
		w.Pay(w.OpenOrder("junho"))
		synced := w.Pay(w.OpenOrder("sora"), test)
		payments, err := w.Gateway.Payments(w.Context(), w.merchantOf(synced))
		w.Must(err)
		_, err = w.SyncOrder(w.Context(), domaintest.Webhook(), payments[0].MerchantUID) // which, unlike a look-up, sees test payments
		w.Must(err)
		run := w.reconcile()
		w.WantBalance("junho", domaintest.Full)
		w.WantBalance("minji", 0)
		w.WantBalance("sora", 0)
		if run.Listed != 4 || run.Compared != 1 || run.Repaired != 1 || run.Discrepancies != 0 || run.Foreign != 1 || run.OtherMode != 2 {
			w.Errorf("unexpected run %+v", run)
		}
		if n := w.Count("discrepancies", "imp_uid IN (?, ?)", abuse, synced); n != 0 {
			w.Errorf("%d test payments that gave no points are reported", n)
		}
		if n := w.lookups(); n != 1 {
			w.Errorf("%d look-ups, want 1", n)
		}
	})
}

func (w *world) merchantOf(impUID string) string {
	p, _ := w.Sandbox.Payment(impUID)
	return p.MerchantUID
}

// TestReconcileSkipsAndNamesWhatItCannotRead has two bad payments, of which one does not even give
// its id.
func TestReconcileSkipsAndNamesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		good := w.Pay(w.OpenOrder("minji"))
		bad := w.Pay(w.OpenOrder("minji"))
		w.Pay(w.OpenOrder("minji"), func(p *sandbox.Payment) { p.ImpUID = "no/id" })
		w.EditPayment(bad, func(p *sandbox.Payment) { p.Currency = "???" })
		w.wantDiscrepancies(w.reconcile(), "MISSING_HERE "+good+" repaired", "UNREADABLE "+bad, "UNREADABLE ")
		w.WantBalance("minji", domaintest.Full)
		w.EditPayment(bad, func(p *sandbox.Payment) { p.Currency = "KRW" })
		w.wantDiscrepancies(w.reconcile(), "MISSING_HERE "+bad+" repaired", "UNREADABLE ")
		w.WantBalance("minji", 2*domaintest.Full)
	})
}

func TestTwoReconciliationsAtOnceCreditOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for range 5 {
			w.Pay(w.OpenOrder("minji"))
		}
		w.Must(w.Sandbox.Cancel(*w.Charged().ImpUID, "1000"))
		ended := make(chan error)
		for range 2 {
			go func() {
				run, err := w.Reconcile(context.WithoutCancel(w.Context()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
				if err == nil && run.Discrepancies != 0 {
					err = fmt.Errorf("unexpected run %+v", run)
				}
				ended <- err
			}()
		}
		for range 2 {
			if err := <-ended; err != nil {
				w.Error(err)
			}
		}
		w.WantBalance("minji", 6*domaintest.Full-1100)
		runs, err := w.Runs(w.Context())
		w.Must(err)
		if len(runs) != 2 || strings.Compare(runs[0].ID, runs[1].ID) <= 0 {
			w.Errorf("unexpected runs %+v", runs)
		}
	})
}
