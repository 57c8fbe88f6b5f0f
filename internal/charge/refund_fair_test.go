package charge_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"pointcharge/internal/domaintest"
)

// TestNoOpenRefundWaitsForEver: there are more than a run has time for, and one can never be
// looked up.
func TestNoOpenRefundWaitsForEver(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		const open, runs, aRun = 40, 40, 10
		f.OnCancel(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
		var lost string
		for range open {
			credited := w.Charged()
			lost = *credited.ImpUID
			w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
		}
		looked := map[string]bool{}
		for range runs {
			clock.Pass(time.Second)
			ctx, end := context.WithCancel(w.Context())
			var mu sync.Mutex
			answered := 0
			f.Say(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/payments/"+lost {
					rw.WriteHeader(http.StatusForbidden)
					return
				}
				f.Sandbox.ServeHTTP(rw, r)
				mu.Lock()
				defer mu.Unlock()
				looked[strings.TrimPrefix(r.URL.Path, "/payments/")] = true
				if answered++; answered == aRun {
					end()
				}
			})
			report, err := w.SyncRefunds(ctx)
			if err == nil && (report.Failed == 0 || report.Err == nil) { // a run may be cut off before it has done anything
				w.Error("the run says that all is well")
			}
			end()
		}
		if len(looked) != open-1 {
			w.Errorf("%d of %d refunds were looked at", len(looked), open-1)
		}
	})
}
