package reconcile_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/reconcile"
	"pointcharge/internal/sandbox"
)

// long makes payments for orders of minji's that were paid a minute apart, the last one two minutes
// ago.
func long(w *world, n int) (impUIDs []string) {
	w.Helper()
	return longBefore(w, time.Now(), n)
}

func longBefore(w *world, now time.Time, n int) (impUIDs []string) {
	w.Helper()
	for i := range n {
		impUIDs = append(impUIDs, w.Pay(w.OpenOrder("minji"), paidAt(now.Add(time.Duration(i-n-1)*time.Minute))))
	}
	return impUIDs
}

func paidAt(at time.Time) func(*sandbox.Payment) {
	return func(p *sandbox.Payment) { p.StartedAt, p.PaidAt = at.Unix(), at.Unix() }
}

func TestReconcileReadsEveryPage(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 100, func(w *world, _ *domaintest.Front) {
		long(w, 7)
		if run := w.reconcile(); run.Listed != 7 || run.Repaired != 7 || run.Discrepancies != 0 || run.Note != "" {
			w.Errorf("unexpected run %+v", run)
		}
		w.WantBalance("minji", 7*domaintest.Full)
	})
}

// TestReconcileReadsAgainWhenAPageMoves cancels a payment of the first page while the second is
// about to be read: the third payment is on the first page by then.
func TestReconcileReadsAgainWhenAPageMoves(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 100, func(w *world, f *domaintest.Front) {
		impUIDs := long(w, 5)
		moved := false
		f.OnPage("1", func() {
			if !moved {
				moved = true
				w.Must(w.Sandbox.Cancel(impUIDs[0], ""))
			}
		})
		if run := w.reconcile(); run.Note != "" || run.Listed != 5 {
			w.Errorf("unexpected run %+v", run)
		}
		w.WantBalance("minji", 4*domaintest.Full)
	})
}

// TestReconcileReadsAgainWhenTheLastPageIsGone: Iamport answers 400 for a page out of range
// (contract §1.5).
func TestReconcileReadsAgainWhenTheLastPageIsGone(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 100, func(w *world, f *domaintest.Front) {
		impUIDs := long(w, 3)
		moved := false
		f.OnPage("1", func() {
			if !moved {
				moved = true
				w.Must(w.Sandbox.Cancel(impUIDs[1], ""))
			}
		})
		if run := w.reconcile(); run.Note != "" || run.Listed != 3 {
			w.Errorf("unexpected run %+v", run)
		}
		w.WantBalance("minji", 2*domaintest.Full)
	})
}

// TestReconcileReadsInHalvesAListThatNeverStandsStill: each time its second page is read, a payment
// has left it.
func TestReconcileReadsInHalvesAListThatNeverStandsStill(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 100, func(w *world, f *domaintest.Front) {
		impUIDs := long(w, 9)
		left := 0
		f.OnPage("1", func() {
			if left < 6 {
				w.Must(w.Sandbox.Cancel(impUIDs[left], ""))
				left++
			}
		})
		if run := w.reconcile(); run.Listed != 9 || run.Discrepancies != 0 || left != 6 {
			w.Errorf("unexpected run %+v after %d left", run, left)
		}
		w.WantBalance("minji", 3*domaintest.Full)
	})
}

func TestReconcileOfNothing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		if run := w.reconcile(); run.Listed != 0 || run.Compared != 0 || run.Note != "" {
			w.Errorf("unexpected run %+v", run)
		}
		w.wantDiscrepancies(w.reconcile())
	})
}

func TestReconcileRefusesAnEmptyPeriod(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		now := time.Now()
		for _, p := range [][2]time.Time{{now, now.Add(-time.Hour)}, {now.Add(-time.Hour), now.Add(-time.Hour)},
			{now.Add(time.Hour), now.Add(2 * time.Hour)}, {{}, now}} {
			_, err := w.Reconcile(w.Context(), p[0], p[1])
			w.WantCode(err, apierror.InvalidArgument)
		}
		if n := w.Count("reconciliations", "1 = 1"); n != 0 {
			w.Errorf("%d runs are kept", n)
		}
	})
}

func TestReconcileEndsNow(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		run, err := w.Reconcile(w.Context(), clock.Now().Add(-time.Hour), clock.Now().Add(time.Hour))
		w.Must(err)
		if !run.ToAt.Equal(clock.Now()) {
			w.Errorf("unexpected run %+v", run)
		}
	})
}

// TestReconcileGoesFarBack finds payments that are older than one list may be, also at the edges of
// what is listed at once.
func TestReconcileGoesFarBack(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		from := time.Now().Add(-300 * domaintest.Day).Truncate(time.Second)
		ages := []time.Duration{0, 90 * domaintest.Day, 90*domaintest.Day + time.Second, 90*domaintest.Day - time.Second, 180 * domaintest.Day, 181 * domaintest.Day, 299 * domaintest.Day}
		for _, age := range ages {
			w.Pay(w.OpenOrder("minji"), paidAt(from.Add(age)))
		}
		early := w.Pay(w.OpenOrder("minji"), paidAt(from.Add(-time.Second)))
		w.Must(w.Sandbox.Cancel(w.Pay(w.OpenOrder("minji"), paidAt(from)), "1000")) // paid then, cancelled now
		run, err := w.Reconcile(w.Context(), from, time.Now())
		w.Must(err)
		if run.Repaired != int64(len(ages))+1 || run.Discrepancies != 0 {
			w.Errorf("unexpected run %+v", run)
		}
		w.WantBalance("minji", int64(len(ages)+1)*domaintest.Full-1100)
		if n := w.Count("payments", "imp_uid = ?", early); n != 0 {
			w.Error("a payment before the period was read")
		}
		asked := w.lookups()
		run, err = w.Reconcile(w.Context(), from, from.Add(200*domaintest.Day))
		w.Must(err)
		w.wantDiscrepancies(run)
		if n := w.lookups() - asked; n != 1 { // the one that is listed much later
			w.Errorf("%d look-ups, want 1", n)
		}
	})
}

func TestPeriodsLeaveNothingOutAndAreListable(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0).UTC()
	for _, length := range []time.Duration{time.Second, 59 * time.Second, time.Minute, 61 * time.Second, domaintest.Day, 90 * domaintest.Day,
		90*domaintest.Day + time.Second, 91 * domaintest.Day, 1000 * domaintest.Day} {
		for _, ago := range []time.Duration{0, time.Second, time.Minute, domaintest.Day} {
			next := now.Add(-ago - length)
			for _, p := range reconcile.Periods(now.Add(-ago-length), now.Add(-ago), now) {
				still := now.Add(-time.Minute)
				if !p[0].Equal(next) || p[1].Before(p[0]) || p[1].Sub(p[0]) > 90*domaintest.Day || p[0].Before(still) && p[1].After(still) {
					t.Errorf("%s until %s ago: unexpected period %s", length, ago, p)
				}
				next = p[1].Add(time.Second)
			}
			if !next.Equal(now.Add(-ago + time.Second)) {
				t.Errorf("%s until %s ago: it ends before %s", length, ago, next)
			}
		}
	}
}

// TestReconcileReadsItsBooksInBatches has more payments than are listed or read at once, all alike
// but the last.
func TestReconcileReadsItsBooksInBatches(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		at := time.Now().Add(-30 * time.Minute)
		for i := range 1001 {
			w.Sandbox.Put(sandbox.Payment{ImpUID: fmt.Sprint("imp_", i), MerchantUID: fmt.Sprint("strange-", i), Amount: "5000",
				Status: sandbox.Cancelled, Sandbox: true, PaidAt: at.Unix(), CancelledAt: at.Unix()})
		}
		listing := charge.Listing{Status: charge.Cancelled, From: at.Add(-time.Hour), To: time.Now(), Page: 1}
		for listing.Page != 0 {
			page, err := w.Gateway.PaymentList(w.Context(), listing)
			w.Must(err)
			w.Must(w.DB.CreateInBatches(page.Payments, 500).Error)
			listing.Page = page.Next
		}
		w.Must(w.DB.Exec("UPDATE payments SET imp_uid = 'imp_lost', paid_at = ? WHERE imp_uid = 'imp_7'", at.Add(time.Minute)).Error)
		run := w.reconcile()
		w.wantDiscrepancies(run, "MISSING_AT_GATEWAY imp_lost")
		if run.Listed != 1001 || run.Compared != 1001 || run.Foreign != 1 || w.lookups() != 1 {
			w.Errorf("unexpected run %+v, %d look-ups", run, w.lookups())
		}
	})
}

func TestAFailedReconciliationIsKeptWithHowFarItCame(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 100, func(w *world, f *domaintest.Front) {
		long(w, 5)
		f.FailFromList(3) // in the middle of the first list
		run, err := w.Reconcile(w.Context(), time.Now().Add(-time.Hour), time.Now())
		w.WantCode(err, apierror.GatewayUnavailable)
		runs, err := w.Runs(w.Context())
		w.Must(err)
		if len(runs) != 1 || runs[0].ID != run.ID || runs[0].Error == "" || runs[0].FinishedAt == nil || runs[0].Listed != 4 {
			w.Errorf("unexpected runs %+v", runs)
		}
	})
}

func TestAReconciliationWhoseCallerLeavesIsKept(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 100, func(w *world, f *domaintest.Front) {
		long(w, 3)
		ctx, leave := context.WithCancel(w.Context())
		f.OnPage("1", leave)
		if _, err := w.Reconcile(ctx, time.Now().Add(-time.Hour), time.Now()); err == nil {
			w.Fatal("it succeeded")
		}
		runs, err := w.Runs(w.Context())
		w.Must(err)
		if len(runs) != 1 || runs[0].Error == "" || runs[0].FinishedAt == nil {
			w.Errorf("unexpected runs %+v", runs)
		}
	})
}
