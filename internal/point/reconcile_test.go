package point_test

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

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/iamport"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// reconcile compares the last hour.
func (w *world) reconcile() point.Reconciliation {
	w.Helper()
	run, err := w.Reconcile(w.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	w.must(err)
	if run.FinishedAt == nil || run.Error != "" {
		w.Fatalf("unexpected run %+v", run)
	}
	return run
}

// wantDifferences fails unless the run found just these, each "KIND imp_uid" or "KIND imp_uid healed", in any order.
func (w *world) wantDifferences(run point.Reconciliation, want ...string) {
	w.Helper()
	got, healed := []string{}, int64(0)
	for d, err := range w.Differences(w.Context(), run.ID) {
		w.must(err)
		text := fmt.Sprintf("%s %s", d.Kind, d.ImpUID)
		if d.Healed {
			text += " healed"
			healed++
		}
		if got = append(got, text); d.Ours == "" && d.Theirs == "" || d.Position != int64(len(got)) {
			w.Errorf("%s says nothing, or is out of place: %+v", text, d)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, slices.Sorted(slices.Values(want))) || run.Healed != healed || run.Healed+run.Differences != int64(len(want)) {
		w.Fatalf("found %q, want %q in %+v", got, want, run)
	}
}

// lookups is how often single payments were asked for.
func (w *world) lookups() int { return w.gateway.Requests()["GET /payments/{imp_uid}"] }

// eachForgetful has a gateway that forgets all payments but the newest, and lists two on a page.
func eachForgetful(t *testing.T, remembered int, test func(w *world, f *front)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		gateway := sandbox.New(sandbox.Config{MaxPayments: remembered})
		t.Cleanup(gateway.Close)
		f := &front{gateway: gateway}
		w := newWorldBehind(t, db, "sandbox", gateway, f)
		server := httptest.NewServer(f)
		t.Cleanup(server.Close)
		w.Gateway = iamport.New(iamport.Config{URL: server.URL, Key: "k", Secret: "s", IncludeSandbox: true, PageSize: 2,
			RetryDelay: time.Millisecond})
		test(w, f)
	})
}

// TestReconcileCreditsWhatNobodyToldUsOf has one connection: Reconcile holds none while it asks the gateway.
func TestReconcileCreditsWhatNobodyToldUsOf(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		pool, err := w.DB.DB()
		w.must(err)
		pool.SetMaxOpenConns(1)
		charged(w)
		impUID := w.pay(w.order("junho"))
		run := w.reconcile()
		w.wantDifferences(run, "MISSING_HERE "+impUID+" healed")
		w.wantBalance("junho", full)
		if run.Listed != 2 || run.Compared != 2 {
			w.Errorf("unexpected run %+v", run)
		}
		asked := w.lookups()
		w.wantDifferences(w.reconcile())
		w.wantBalance("junho", full)
		if w.lookups() != asked {
			w.Error("payments that agree were looked up")
		}
	})
}

func TestReconcileCreditsADepositNobodyToldUsOf(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.pay(w.order("minji"), status(sandbox.Ready))
		w.sync(impUID)
		w.edit(impUID, status(sandbox.Paid))
		w.wantDifferences(w.reconcile(), "MISSING_HERE "+impUID+" healed")
		w.wantBalance("minji", full)
	})
}

func TestReconcileClawsBackWhatNobodyToldUsOf(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		part, all := charged(w), charged(w)
		w.must(w.gateway.Cancel(*part.ImpUID, "1000"))
		w.must(w.gateway.Cancel(*all.ImpUID, ""))
		w.wantDifferences(w.reconcile(), "CANCELLED_AMOUNT "+*part.ImpUID+" healed", "CANCELLED_AMOUNT "+*all.ImpUID+" healed")
		w.wantBalance("minji", full-1100)
		w.wantDifferences(w.reconcile())
	})
}

// TestReconcileBelievesTheLookUp is given an old copy by the list: the payment was cancelled and synced since.
func TestReconcileBelievesTheLookUp(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		charge := charged(w)
		old := httptest.NewRecorder()
		f.onList(func(rw *httptest.ResponseRecorder, _ *http.Request) { // the first list keeps what the others repeat
			if old.Body.Len() == 0 {
				old.Body.Write(rw.Body.Bytes())
				w.consoleCancel(*charge.ImpUID, 1000)
			}
			rw.Body.Reset()
			rw.Body.Write(old.Body.Bytes())
		})
		w.wantDifferences(w.reconcile())
		w.wantBalance("minji", full-1100)
	})
}

func TestReconcileReportsWhatItCannotHeal(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		unknown := w.gateway.Put(sandbox.Payment{MerchantUID: "strange", Amount: "5000", Sandbox: true}).ImpUID
		amount := w.pay(w.order("minji"), func(p *sandbox.Payment) { p.Amount = "10" })
		currency := w.pay(w.order("minji"), func(p *sandbox.Payment) { p.Currency = "USD" })
		again := w.gateway.Put(sandbox.Payment{MerchantUID: *charge.Reference, Amount: "5000", Sandbox: true}).ImpUID
		history := charged(w)
		w.edit(*history.ImpUID, func(p *sandbox.Payment) {
			p.Status, p.CancelAmount, p.CancelledAt = sandbox.Cancelled, "1000", p.PaidAt
		})
		want := []string{"MISSING_HERE " + unknown, "AMOUNT " + amount, "AMOUNT " + currency, "OWNER " + again,
			"CANCELLED_AMOUNT " + *history.ImpUID}
		w.wantDifferences(w.reconcile(), want...)
		want = want[1:] // who pays for no order of ours is reported once, and is a problem
		w.wantDifferences(w.reconcile(), want...)
		w.wantBalance("minji", 2*full)
		w.wantProblem(unknown, point.UnknownOrder)
		w.edit(*history.ImpUID, func(p *sandbox.Payment) {
			p.CancelHistory = []sandbox.Cancellation{{Amount: "1000", CancellationID: "can_1", CancelledAt: p.PaidAt}}
		})
		w.wantDifferences(w.reconcile(), append(want[:3], "CANCELLED_AMOUNT "+*history.ImpUID+" healed")...)
		w.wantBalance("minji", 2*full-1100)
	})
}

func TestReconcileGivesAClaimedPaymentToItsOwner(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.pay(w.order("minji"))
		_, err := w.Charge(w.Context(), "junho", impUID)
		w.wantCode(err, point.PaymentNotFound)
		w.wantProblem(impUID, point.AnotherUser)
		w.wantDifferences(w.reconcile(), "OWNER "+impUID+" healed")
		w.wantBalance("minji", full)
		w.wantBalance("junho", 0)
	})
}

// TestReconcileReportsAPaymentThatChangedAfterItWasCredited: Iamport's answers contradict each other.
func TestReconcileReportsAPaymentThatChangedAfterItWasCredited(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for name, change := range map[string]func(*sandbox.Payment){
			"AMOUNT": func(p *sandbox.Payment) { p.Amount = "50000" },
			"OWNER":  func(p *sandbox.Payment) { p.MerchantUID = "strange" },
		} {
			charge := charged(w)
			before, _ := w.gateway.Payment(*charge.ImpUID)
			w.edit(*charge.ImpUID, change)
			for range 2 {
				w.wantDifferences(w.reconcile(), name+" "+*charge.ImpUID)
			}
			w.gateway.Put(before)
			w.reconcile()
			w.wantDifferences(w.reconcile())
			w.wantProblem(*charge.ImpUID, point.NoProblem)
		}
		w.wantBalance("minji", 2*full)
	})
}

func TestReconcileMarksACreditedPaymentTheGatewayLost(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 1, func(w *world, _ *front) {
		charge := charged(w)
		lost, _ := w.gateway.Payment(*charge.ImpUID)
		kept := charged(w)
		for range 2 {
			w.wantDifferences(w.reconcile(), "MISSING_AT_GATEWAY "+*charge.ImpUID)
			w.wantProblem(*charge.ImpUID, point.NotAtGateway)
		}
		w.wantProblem(*kept.ImpUID, point.NoProblem)
		w.wantBalance("minji", 2*full)
		w.gateway.Put(lost)
		w.sync(*charge.ImpUID)
		w.wantProblem(*charge.ImpUID, point.NoProblem)
	})
}

func TestF20ReconcileLeavesTestPaymentsAlone(t *testing.T) {
	t.Parallel()
	eachLive(t, func(w *world) {
		test := func(p *sandbox.Payment) { p.Sandbox = true }
		w.gateway.Put(sandbox.Payment{MerchantUID: "strange", Amount: "5000", Sandbox: true})
		abuse := w.pay(w.order("minji"), test)
		w.pay(w.order("junho"))
		synced := w.pay(w.order("sora"), test)
		payments, err := w.Gateway.Payments(w.Context(), w.merchantOf(synced))
		w.must(err)
		_, err = w.SyncOrder(w.Context(), payments[0].MerchantUID) // which, unlike a look-up, sees test payments
		w.must(err)
		run := w.reconcile()
		w.wantBalance("junho", full)
		w.wantBalance("minji", 0)
		w.wantBalance("sora", 0)
		if run.Listed != 4 || run.Compared != 1 || run.Healed != 1 || run.Differences != 2 {
			w.Errorf("unexpected run %+v", run)
		}
		if n := w.count("reconciliation_differences", "kind = 'SANDBOX' AND NOT healed AND imp_uid IN (?, ?)", abuse, synced); n != 2 {
			w.Errorf("%d test payments for our orders are reported, want 2", n)
		}
		if n := w.lookups(); n != 1 {
			w.Errorf("%d look-ups, want 1", n)
		}
	})
}

func (w *world) merchantOf(impUID string) string {
	p, _ := w.gateway.Payment(impUID)
	return p.MerchantUID
}

// TestReconcileSkipsAndNamesWhatItCannotRead has two bad payments, of which one does not even give its id.
func TestReconcileSkipsAndNamesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		good := w.pay(w.order("minji"))
		bad := w.pay(w.order("minji"))
		w.pay(w.order("minji"), func(p *sandbox.Payment) { p.ImpUID = "no/id" })
		w.edit(bad, func(p *sandbox.Payment) { p.Currency = "???" })
		w.wantDifferences(w.reconcile(), "MISSING_HERE "+good+" healed", "UNREADABLE "+bad, "UNREADABLE ")
		w.wantBalance("minji", full)
		w.edit(bad, func(p *sandbox.Payment) { p.Currency = "KRW" })
		w.wantDifferences(w.reconcile(), "MISSING_HERE "+bad+" healed", "UNREADABLE ")
		w.wantBalance("minji", 2*full)
	})
}

func TestTwoReconciliationsAtOnceCreditOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for range 5 {
			w.pay(w.order("minji"))
		}
		w.must(w.gateway.Cancel(*charged(w).ImpUID, "1000"))
		ended := make(chan error)
		for range 2 {
			go func() {
				run, err := w.Reconcile(context.WithoutCancel(w.Context()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
				if err == nil && run.Differences != 0 {
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
		w.wantBalance("minji", 6*full-1100)
		runs, err := w.Reconciliations(w.Context())
		w.must(err)
		if len(runs) != 2 || strings.Compare(runs[0].ID, runs[1].ID) <= 0 {
			w.Errorf("unexpected runs %+v", runs)
		}
	})
}
