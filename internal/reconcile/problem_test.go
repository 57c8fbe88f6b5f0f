package reconcile_test

import (
	"testing"

	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
)

// TestAnAcceptedPaymentIsNoDiscrepancy: an operator has made the books agree by hand.
func TestAnAcceptedPaymentIsNoDiscrepancy(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		wrong, _ := w.Mispaid()
		w.wantDiscrepancies(w.reconcile(), "AMOUNT "+wrong)
		w.MustResolve(domaintest.Decision(wrong, charge.Accept))
		w.wantDiscrepancies(w.reconcile(), "AMOUNT "+wrong+" repaired") // it is closed
		w.wantDiscrepancies(w.reconcile())
	})
}

// TestReconcileFindsASecondDepositThatNobodyToldUsOf: the payment is paid before and after, of the
// same amount.
func TestReconcileFindsASecondDepositThatNobodyToldUsOf(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.IssueAccount(w.OpenAccountOrder())
		w.Must(w.Sandbox.Deposit(impUID, "5000"))
		_, err := w.Charge(w.Context(), "minji", impUID)
		w.Must(err)
		w.wantDiscrepancies(w.reconcile())
		w.Must(w.Sandbox.ForceDeposit(impUID, "5000"))
		for range 2 { // found by the first, and no less a difference for the second
			w.wantDiscrepancies(w.reconcile(), "AMOUNT "+impUID)
			w.WantProblem(impUID, charge.WrongDeposit)
		}
		w.WantBalance("minji", domaintest.Full)
	})
}
