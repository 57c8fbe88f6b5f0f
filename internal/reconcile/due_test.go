package reconcile_test

import (
	"cmp"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/iamport"
	"pointcharge/internal/reconcile"
	"pointcharge/internal/sandbox"
)

// due reconciles what is due, and fails unless it goes back so far.
func (w *world) due(back time.Duration) reconcile.Run {
	w.Helper()
	w.Reconciling.LookBack = cmp.Or(w.Reconciling.LookBack, 7*domaintest.Day)
	run, err := w.ReconcileDue(w.Context())
	w.Must(err)
	if got := run.ToAt.Sub(run.FromAt); got != back || !run.ToAt.Equal(w.Now()) {
		w.Fatalf("it went back %s, want %s: %+v", got, back, run)
	}
	return run
}

func TestTheNextReconciliationOverlapsTheLast(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		w.due(7 * domaintest.Day)
		w.due(time.Hour)
		clock.Pass(10 * domaintest.Day)
		w.due(10*domaintest.Day + time.Hour)
		w.Reconciling = reconcile.Schedule{Overlap: 2 * time.Hour, LookBack: domaintest.Day}
		w.due(2 * time.Hour)
		w.Must(w.DB.Exec("DELETE FROM reconciliations").Error)
		w.due(domaintest.Day)
	})
}

// TestOnceADayAReconciliationGoesFarBack: when such a run fails, a short one comes before the next.
func TestOnceADayAReconciliationGoesFarBack(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		w.Reconciling.LookBack = 90 * domaintest.Day
		for range 2 {
			w.due(90 * domaintest.Day)
			for range 4 {
				clock.Pass(6 * time.Hour)
				w.due(7 * time.Hour)
			}
			clock.Pass(time.Minute)
		}
		f.FailFromList(1)
		_, err := w.ReconcileDue(w.Context())
		w.WantCode(err, apierror.GatewayUnavailable)
		f.Say(f.Sandbox.ServeHTTP)
		w.due(time.Hour + time.Minute)
		w.due(90 * domaintest.Day)
	})
}

// TestAnOperatorsReconciliationMovesNoWatermark, because nobody knows what lies between it and the
// last one.
func TestAnOperatorsReconciliationMovesNoWatermark(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		w.due(7 * domaintest.Day)
		clock.Pass(20 * time.Hour)
		_, err := w.Reconcile(w.Context(), clock.Now().Add(-time.Minute), clock.Now())
		w.Must(err)
		w.due(21 * time.Hour)
	})
}

func TestAFailedReconciliationMovesNoWatermark(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 100, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		w.due(7 * domaintest.Day)
		clock.Pass(10 * time.Hour)
		f.FailFromList(2)
		_, err := w.ReconcileDue(w.Context())
		w.WantCode(err, apierror.GatewayUnavailable)
		f.Say(f.Sandbox.ServeHTTP)
		clock.Pass(10 * time.Hour)
		w.Must(w.DB.Exec(`INSERT INTO reconciliations SELECT 'died', scheduled, from_at, ?, started_at, NULL, 0, 0, 0, 0, '', '', 0, 0
			FROM reconciliations WHERE error <> ''`, clock.Now()).Error)
		w.due(21 * time.Hour)
	})
}

// TestAWatermarkFromTheFutureIsIgnored, also once its time has come: the server's clock was ten
// days fast for one run.
func TestAWatermarkFromTheFutureIsIgnored(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		w.due(7 * domaintest.Day)
		clock.Pass(10 * domaintest.Day)
		w.due(10*domaintest.Day + time.Hour)
		clock.Pass(-9 * domaintest.Day)
		if run := w.due(domaintest.Day + time.Hour); run.Note != "1 runs before it ended in the future and do not count." {
			w.Errorf("nothing is said of it: %+v", run)
		}
		clock.Pass(10 * domaintest.Day)
		if run := w.due(10*domaintest.Day + time.Hour); run.Note != "" {
			w.Errorf("it is said again: %+v", run)
		}
		if n := w.Count("reconciliations", "error = 'ended in the future'"); n != 1 {
			w.Errorf("%d runs are void, want 1", n)
		}
	})
}

// TestACancellationBeforeAWatermarkFromTheFutureIsSeen: the server was down until that time, and
// the webhook found nobody.
func TestACancellationBeforeAWatermarkFromTheFutureIsSeen(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StartToday()
		impUID := w.Pay(w.OpenOrder("minji"), paidAt(clock.Now().Add(-time.Minute)))
		w.runs()
		w.WantBalance("minji", domaintest.Full)
		for _, wrong := range []time.Duration{6 * time.Hour, -6*time.Hour + 10*time.Minute} {
			clock.Pass(wrong)
			w.runs()
		}
		at := clock.Now().Add(time.Hour).Unix()
		w.EditPayment(impUID, func(p *sandbox.Payment) {
			p.Status, p.CancelAmount, p.CancelledAt = sandbox.Cancelled, "5000", at
			p.CancelHistory = []sandbox.Cancellation{{Amount: "5000", CancelledAt: at, CancellationID: "can_1"}}
		})
		clock.Pass(8 * time.Hour)
		w.runs()
		w.WantBalance("minji", 0)
	})
}

// TestTheDatabaseItselfRefusesAReconciliationThatCannotBe breaks each constraint of their tables.
func TestTheDatabaseItselfRefusesAReconciliationThatCannotBe(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		wrong, _ := w.Mispaid()
		w.reconcile()
		_, err := w.IgnoreDiscrepancy(w.Context(), domaintest.Sora(), wrong, "고객 문의")
		w.Must(err)
		for name, sql := range map[string]string{
			"an empty period":             "UPDATE reconciliations SET to_at = from_at",
			"fewer than none listed":      "UPDATE reconciliations SET listed = -1",
			"fewer than none compared":    "UPDATE reconciliations SET compared = -1",
			"fewer than none repaired":    "UPDATE reconciliations SET healed = -1",
			"fewer than none different":   "UPDATE reconciliations SET differences = -1",
			"a failure that goes on":      "UPDATE reconciliations SET error = 'x', finished_at = NULL",
			"a run twice":                 "INSERT INTO reconciliations SELECT * FROM reconciliations",
			"fewer than none foreign":     "UPDATE reconciliations SET foreign_listed = -1",
			"fewer than none of a mode":   "UPDATE reconciliations SET other_mode = -1",
			"a discrepancy twice":         "INSERT INTO discrepancies SELECT * FROM discrepancies",
			"two of one payment":          "INSERT INTO discrepancies SELECT 'x', imp_uid, merchant_uid, kind, ours, theirs, 'OPEN', has_problem, last_run_id, first_seen, last_seen, checks, check_at, NULL FROM discrepancies",
			"a discrepancy of some kind":  "UPDATE discrepancies SET kind = 'FUN'",
			"a discrepancy of no state":   "UPDATE discrepancies SET state = 'DONE'",
			"an open one that is closed":  "UPDATE discrepancies SET state = 'OPEN'",
			"a closed one without a time": "UPDATE discrepancies SET closed_at = NULL",
			"a look-up less than one":     "UPDATE discrepancies SET checks = 0",
			"a decision that changes":     "UPDATE discrepancy_decisions SET reason = 'x'",
			"a decision that is lost":     "DELETE FROM discrepancy_decisions",
		} {
			if err := w.QuietDB().Exec(sql).Error; err == nil {
				w.Errorf("%s was accepted", name)
			}
		}
	})
}

// TestReconcileCountsForeignPayments: another system of the merchant's may have thousands. One that
// a notice brought into our books is looked up when it changes.
func TestReconcileCountsForeignPayments(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		strange := w.Sandbox.Put(sandbox.Payment{MerchantUID: "strange", Amount: "5000", Sandbox: true}).ImpUID
		run := w.reconcile()
		w.wantDiscrepancies(run)
		if w.lookups() != 0 || run.Foreign != 1 || run.Listed != 1 || run.Compared != 0 {
			w.Errorf("%d look-ups; %+v", w.lookups(), run)
		}
		w.MustSync(strange)
		w.wantDiscrepancies(w.reconcile())
		if w.lookups() != 1 {
			w.Errorf("%d look-ups, want that of the notice", w.lookups())
		}
		w.Must(w.Sandbox.Cancel(strange, "1000"))
		w.reconcile()
		if n := w.Count("payments", "imp_uid = ? AND cancelled_amount = 1000", strange); n != 1 {
			w.Error("its cancellation was not seen")
		}
	})
}

// TestReconcileMarksNothingThatWasSyncedMeanwhile has a gateway that denies the payment to us, and
// that knows it again when a webhook asks before we have written anything.
func TestReconcileMarksNothingThatWasSyncedMeanwhile(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 100, func(w *world, f *domaintest.Front) {
		credited := w.Charged()
		server := httptest.NewServer(f.Sandbox)
		w.Cleanup(server.Close)
		webhook := domaintest.NewServices(w.DB, iamport.New(iamport.Config{URL: server.URL, Key: "k", Secret: "s", IncludeSandbox: true}))
		f.Say(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/payments/status/") {
				_, _ = io.WriteString(rw, `{"code":0,"response":{"total":0,"next":0,"list":[]}}`)
				return
			}
			if _, err := webhook.Sync(r.Context(), domaintest.Webhook(), *credited.ImpUID); err != nil {
				w.Error(err)
			}
			rw.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(rw, `{"code":1,"response":null}`)
		})
		w.wantDiscrepancies(w.reconcile(), "MISSING_AT_GATEWAY "+*credited.ImpUID)
		w.WantProblem(*credited.ImpUID, charge.NoProblem)
	})
}
