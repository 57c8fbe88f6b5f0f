package point_test

import (
	"net/http"
	"testing"
	"time"
)

// TestAnOrderIsGivenUpOnlyAfterALookThatSucceeded, and while that look lasts the order is not given up, should the
// server die.
func TestAnOrderIsGivenUpOnlyAfterALookThatSucceeded(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		w.pay(w.order("minji"))
		w.order("junho")
		f.say(func(rw http.ResponseWriter, _ *http.Request) {
			if n := w.count("charge_orders", "check_at > ?", clock.now()); n == 0 {
				w.Error("it is given up already")
			}
			rw.WriteHeader(http.StatusForbidden)
		})
		clock.pass(30 * day)
		if _, err := w.Sweep(w.Context(), 100); err == nil {
			w.Error("the sweep says that all is well")
		}
		f.say(f.gateway.ServeHTTP)
		w.sweep(0)
		clock.pass(day)
		w.sweep(2)
		w.wantBalance("minji", full)
		clock.pass(365 * day)
		w.sweep(0)
	})
}

// TestAClockThatWasAheadEndsNoLooks, whether it has given the order up or put it off.
func TestAClockThatWasAheadEndsNoLooks(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{8 * day, 365 * day} {
		t.Run(ahead.String(), func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				clock := w.stopClock()
				order := w.order("minji")
				clock.pass(ahead)
				w.sweep(1)
				clock.pass(-ahead)
				w.pay(order)
				clock.pass(time.Minute)
				w.sweep(1)
				w.wantBalance("minji", full)
			})
		})
	}
}
