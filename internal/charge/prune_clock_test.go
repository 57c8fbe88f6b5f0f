package charge_test

import (
	"errors"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
)

// TestAnOrderIsNotDeletedByAWrongClock: a server that is six years behind opens and checks an order,
// a server that is right and one that is two years ahead delete old orders, and then the user pays.
func TestAnOrderIsNotDeletedByAWrongClock(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StartToday()
		right := clock.Now()
		w.DatabaseClock = func(*gorm.DB) (time.Time, error) { return right, nil }
		w.Now = func() time.Time { return right.AddDate(-6, 0, 0) }
		opened := w.OpenOrder("minji")
		w.Now = func() time.Time { return right.AddDate(-6, 0, 15) }
		w.SweepDue(1)

		w.Now = clock.Now
		w.prune(0)
		w.Now = func() time.Time { return right.AddDate(2, 0, 0) }
		if _, err := w.PruneOrders(w.Context(), 100); !errors.Is(err, point.ErrClocksDiffer) {
			w.Errorf("a server two years ahead says %v", err)
		}

		w.Now = clock.Now
		impUID := w.Pay(opened, paidAt(right))
		w.MustSync(impUID)
		w.WantProblems(map[string]charge.Problem{impUID: charge.Late}) // six years after the order
		w.MustResolve(domaintest.Decision(impUID, charge.Accept))
		w.WantBalance("minji", 5000)
	})
}
