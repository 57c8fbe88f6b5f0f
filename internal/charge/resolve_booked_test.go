package charge_test

import (
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
)

// bookMispaid has an operator book won of the refund of a payment without points.
func (w *world) bookMispaid(f *domaintest.Front, won int64) (impUID string) {
	w.Helper()
	clock := w.StopClock()
	impUID, _ = w.Mispaid()
	cancelling(f, accepting(f, impUID))
	w.MustResolve(domaintest.Decision(impUID, charge.RefundIt))
	clock.Pass(domaintest.Day)
	w.mustForce(booked(w.wantOpenRefunds(1)[0], won))
	return impUID
}

func TestNoPointsAreGivenForMoneyBookedAsGivenBack(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		wrong := w.bookMispaid(f, 4000)
		w.WantProblems(nil)
		w.wantUnresolved(domaintest.Decision(wrong, charge.Accept), apierror.NotFound)
		// An older server leaves such a payment on the list.
		w.Must(w.DB.Exec("UPDATE payments SET problem_state = 'OPEN' WHERE imp_uid = ?", wrong).Error)
		for _, action := range []charge.Action{charge.Accept, charge.RefundIt} {
			_, err := w.Resolve(w.Context(), domaintest.Decision(wrong, action))
			w.wantReason(err, apierror.RefundNotPossible, charge.ReasonNothingLeft)
		}
		w.MustResolve(domaintest.Decision(wrong, charge.Ignore))
		w.WantBalance("minji", 0)
	})
}

func TestOnlyTheRestOfABookedRefundIsGivenBack(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		wrong := w.bookMispaid(f, 1000)
		w.WantProblems(map[string]charge.Problem{wrong: charge.WrongAmount})
		w.wantUnresolved(domaintest.Decision(wrong, charge.Accept), apierror.InvalidArgument)
		w.MustResolve(domaintest.Decision(wrong, charge.RefundIt))
		if r := w.wantOpenRefunds(1)[0]; r.Amount != 3000 {
			w.Fatalf("unexpected refund %+v", r)
		}
		w.WantBalance("minji", 0)
	})
}
