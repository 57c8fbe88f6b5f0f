package charge_test

import (
	"net/http"
	"testing"
	"time"

	"pointcharge/internal/domaintest"
)

// TestAnOrderIsGivenUpOnlyAfterALookThatSucceeded, and while that look lasts the order is not
// given up, should the server die.
func TestAnOrderIsGivenUpOnlyAfterALookThatSucceeded(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		w.Pay(w.OpenOrder("minji"), paidAt(clock.Now()))
		w.OpenOrder("junho")
		f.Say(func(rw http.ResponseWriter, _ *http.Request) {
			if n := w.Count("charge_orders", "check_at > ?", clock.Now()); n == 0 {
				w.Error("it is given up already")
			}
			rw.WriteHeader(http.StatusForbidden)
		})
		clock.Pass(30 * domaintest.Day)
		if _, err := w.Sweep(w.Context(), 100); err == nil {
			w.Error("the sweep says that all is well")
		}
		f.Say(f.Sandbox.ServeHTTP)
		w.SweepDue(0)
		clock.Pass(domaintest.Day)
		w.SweepDue(2)
		w.WantBalance("minji", domaintest.Full)
		clock.Pass(365 * domaintest.Day)
		w.SweepDue(0)
	})
}

// TestAClockThatWasAheadEndsNoLooks, whether it has given the order up or put it off.
func TestAClockThatWasAheadEndsNoLooks(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{8 * domaintest.Day, 365 * domaintest.Day} {
		t.Run(ahead.String(), func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				clock := w.StopClock()
				order := w.OpenOrder("minji")
				clock.Pass(ahead)
				w.SweepDue(1)
				clock.Pass(-ahead)
				w.Pay(order)
				clock.Pass(time.Minute)
				w.SweepDue(1)
				w.WantBalance("minji", domaintest.Full)
			})
		})
	}
}
