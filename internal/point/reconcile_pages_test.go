package point_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// long makes payments for orders of minji's that were paid a minute apart, the last one two minutes ago.
func long(w *world, n int) (impUIDs []string) {
	w.Helper()
	return longBefore(w, time.Now(), n)
}

func longBefore(w *world, now time.Time, n int) (impUIDs []string) {
	w.Helper()
	for i := range n {
		impUIDs = append(impUIDs, w.pay(w.order("minji"), paidAt(now.Add(time.Duration(i-n-1)*time.Minute))))
	}
	return impUIDs
}

func paidAt(at time.Time) func(*sandbox.Payment) {
	return func(p *sandbox.Payment) { p.StartedAt, p.PaidAt = at.Unix(), at.Unix() }
}

// onPage calls do after a page of the list of paid payments was answered.
func (f *front) onPage(number string, do func()) {
	f.say(func(w http.ResponseWriter, r *http.Request) {
		f.gateway.ServeHTTP(w, r)
		if r.URL.Path == "/payments/status/paid" && r.URL.Query().Get("page") == number {
			do()
		}
	})
}

func TestReconcileReadsEveryPage(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 100, func(w *world, _ *front) {
		long(w, 7)
		if run := w.reconcile(); run.Listed != 7 || run.Healed != 7 || run.Differences != 0 || run.Note != "" {
			w.Errorf("unexpected run %+v", run)
		}
		w.wantBalance("minji", 7*full)
	})
}

// TestReconcileReadsAgainWhenAPageMoves cancels a payment of the first page while the second is about to be read: the
// third payment is on the first page by then.
func TestReconcileReadsAgainWhenAPageMoves(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 100, func(w *world, f *front) {
		impUIDs := long(w, 5)
		moved := false
		f.onPage("1", func() {
			if !moved {
				moved = true
				w.must(w.gateway.Cancel(impUIDs[0], ""))
			}
		})
		if run := w.reconcile(); run.Note != "" || run.Listed != 5 {
			w.Errorf("unexpected run %+v", run)
		}
		w.wantBalance("minji", 4*full)
	})
}

// TestReconcileReadsAgainWhenTheLastPageIsGone: Iamport answers 400 for a page out of range (contract §1.5).
func TestReconcileReadsAgainWhenTheLastPageIsGone(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 100, func(w *world, f *front) {
		impUIDs := long(w, 3)
		moved := false
		f.onPage("1", func() {
			if !moved {
				moved = true
				w.must(w.gateway.Cancel(impUIDs[1], ""))
			}
		})
		if run := w.reconcile(); run.Note != "" || run.Listed != 3 {
			w.Errorf("unexpected run %+v", run)
		}
		w.wantBalance("minji", 2*full)
	})
}

// TestReconcileReadsInHalvesAListThatNeverStandsStill: each time its second page is read, a payment has left it.
func TestReconcileReadsInHalvesAListThatNeverStandsStill(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 100, func(w *world, f *front) {
		impUIDs := long(w, 9)
		left := 0
		f.onPage("1", func() {
			if left < 6 {
				w.must(w.gateway.Cancel(impUIDs[left], ""))
				left++
			}
		})
		if run := w.reconcile(); run.Listed != 9 || run.Differences != 0 || left != 6 {
			w.Errorf("unexpected run %+v after %d left", run, left)
		}
		w.wantBalance("minji", 3*full)
	})
}

func TestReconcileOfNothing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		if run := w.reconcile(); run.Listed != 0 || run.Compared != 0 || run.Note != "" {
			w.Errorf("unexpected run %+v", run)
		}
		w.wantDifferences(w.reconcile())
	})
}

func TestReconcileRefusesAnEmptyPeriod(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		now := time.Now()
		for _, p := range [][2]time.Time{{now, now.Add(-time.Hour)}, {now.Add(-time.Hour), now.Add(-time.Hour)},
			{now.Add(time.Hour), now.Add(2 * time.Hour)}, {{}, now}} {
			_, err := w.Reconcile(w.Context(), p[0], p[1])
			w.wantCode(err, point.InvalidArgument)
		}
		if n := w.count("reconciliations", "1 = 1"); n != 0 {
			w.Errorf("%d runs are kept", n)
		}
	})
}

func TestReconcileEndsNow(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		run, err := w.Reconcile(w.Context(), clock.now().Add(-time.Hour), clock.now().Add(time.Hour))
		w.must(err)
		if !run.ToAt.Equal(clock.now()) {
			w.Errorf("unexpected run %+v", run)
		}
	})
}

// TestReconcileGoesFarBack finds payments that are older than one list may be, also at the edges of what is listed at once.
func TestReconcileGoesFarBack(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		from := time.Now().Add(-300 * day).Truncate(time.Second)
		ages := []time.Duration{0, 90 * day, 90*day + time.Second, 90*day - time.Second, 180 * day, 181 * day, 299 * day}
		for _, age := range ages {
			w.pay(w.order("minji"), paidAt(from.Add(age)))
		}
		early := w.pay(w.order("minji"), paidAt(from.Add(-time.Second)))
		w.must(w.gateway.Cancel(w.pay(w.order("minji"), paidAt(from)), "1000")) // paid then, cancelled now
		run, err := w.Reconcile(w.Context(), from, time.Now())
		w.must(err)
		if run.Healed != int64(len(ages))+1 || run.Differences != 0 {
			w.Errorf("unexpected run %+v", run)
		}
		w.wantBalance("minji", int64(len(ages)+1)*full-1100)
		if n := w.count("payments", "imp_uid = ?", early); n != 0 {
			w.Error("a payment before the period was read")
		}
		asked := w.lookups()
		run, err = w.Reconcile(w.Context(), from, from.Add(200*day))
		w.must(err)
		w.wantDifferences(run)
		if n := w.lookups() - asked; n != 1 { // the one that is listed much later
			w.Errorf("%d look-ups, want 1", n)
		}
	})
}

func TestPeriodsLeaveNothingOutAndAreListable(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0).UTC()
	for _, length := range []time.Duration{time.Second, 59 * time.Second, time.Minute, 61 * time.Second, day, 90 * day,
		90*day + time.Second, 91 * day, 1000 * day} {
		for _, ago := range []time.Duration{0, time.Second, time.Minute, day} {
			next := now.Add(-ago - length)
			for _, p := range point.Periods(now.Add(-ago-length), now.Add(-ago), now) {
				still := now.Add(-time.Minute)
				if !p[0].Equal(next) || p[1].Before(p[0]) || p[1].Sub(p[0]) > 90*day || p[0].Before(still) && p[1].After(still) {
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

// TestReconcileReadsItsBooksInBatches has more payments than are listed or read at once, all alike but the last.
func TestReconcileReadsItsBooksInBatches(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		at := time.Now().Add(-30 * time.Minute)
		for i := range 1001 {
			w.gateway.Put(sandbox.Payment{ImpUID: fmt.Sprint("imp_", i), MerchantUID: fmt.Sprint("strange-", i), Amount: "5000",
				Status: sandbox.Cancelled, Sandbox: true, PaidAt: at.Unix(), CancelledAt: at.Unix()})
		}
		listing := point.Listing{Status: point.Cancelled, From: at.Add(-time.Hour), To: time.Now(), Page: 1}
		for listing.Page != 0 {
			page, err := w.Gateway.PaymentList(w.Context(), listing)
			w.must(err)
			w.must(w.DB.CreateInBatches(page.Payments, 500).Error)
			listing.Page = page.Next
		}
		w.must(w.DB.Exec("UPDATE payments SET imp_uid = 'imp_lost', paid_at = ? WHERE imp_uid = 'imp_7'", at.Add(time.Minute)).Error)
		run := w.reconcile()
		w.wantDifferences(run, "MISSING_HERE imp_7 healed", "MISSING_AT_GATEWAY imp_lost")
		if run.Listed != 1001 || run.Compared != 1002 || w.lookups() != 2 {
			w.Errorf("unexpected run %+v, %d look-ups", run, w.lookups())
		}
	})
}

// down makes the gateway fail from the n-th list on.
func (f *front) down(n int) {
	f.say(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/payments/status/paid" || r.URL.Path == "/payments/status/cancelled" {
			if n--; n <= 0 {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
		}
		f.gateway.ServeHTTP(w, r)
	})
}

func TestAFailedReconciliationIsKeptWithHowFarItCame(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 100, func(w *world, f *front) {
		long(w, 5)
		f.down(3) // in the middle of the first list
		run, err := w.Reconcile(w.Context(), time.Now().Add(-time.Hour), time.Now())
		w.wantCode(err, point.GatewayUnavailable)
		runs, err := w.Reconciliations(w.Context())
		w.must(err)
		if len(runs) != 1 || runs[0].ID != run.ID || runs[0].Error == "" || runs[0].FinishedAt == nil || runs[0].Listed != 4 {
			w.Errorf("unexpected runs %+v", runs)
		}
	})
}

func TestAReconciliationWhoseCallerLeavesIsKept(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 100, func(w *world, f *front) {
		long(w, 3)
		ctx, leave := context.WithCancel(w.Context())
		f.onPage("1", leave)
		if _, err := w.Reconcile(ctx, time.Now().Add(-time.Hour), time.Now()); err == nil {
			w.Fatal("it succeeded")
		}
		runs, err := w.Reconciliations(w.Context())
		w.must(err)
		if len(runs) != 1 || runs[0].Error == "" || runs[0].FinishedAt == nil {
			w.Errorf("unexpected runs %+v", runs)
		}
	})
}
