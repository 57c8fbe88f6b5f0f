package charge_test

import (
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
)

// TestADepositAfterTheDecisionIsANewQuestion, whatever was decided about the ones before.
func TestADepositAfterTheDecisionIsANewQuestion(t *testing.T) {
	t.Parallel()
	for _, action := range []charge.Action{charge.Accept, charge.Ignore} {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				credited := w.IssueAccount(w.OpenAccountOrder())
				w.Must(w.Sandbox.Deposit(credited, "5000"))
				w.MustSync(credited)
				wrong := w.IssueAccount(w.OpenAccountOrder())
				w.Must(w.Sandbox.ForceDeposit(wrong, "3000"))
				w.MustSync(wrong)
				first := domaintest.Decision(wrong, action)
				if action == charge.Accept {
					first.Points = 3000
				}
				w.MustResolve(first)
				for range 3 {
					w.Must(w.Sandbox.ForceDeposit(credited, "5000"))
					w.Must(w.Sandbox.ForceDeposit(wrong, "5000"))
					for _, impUID := range []string{credited, wrong, wrong} {
						w.MustSync(impUID)
					}
					w.WantProblems(map[string]charge.Problem{credited: charge.WrongDeposit, wrong: charge.WrongDeposit})
					w.MustResolve(domaintest.Decision(credited, action))
					w.MustResolve(domaintest.Decision(wrong, action))
					w.WantProblems(nil)
				}
				domaintest.WantPoints(w.T, "ADJUST lines", w.Count("point_transactions", "kind = 'ADJUST'"), map[charge.Action]int64{charge.Accept: 1}[action])
			})
		})
	}
}

// TestADepositAfterACancellationIsANewQuestion: an accepted payment may have both.
func TestADepositAfterACancellationIsANewQuestion(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		wrong := w.IssueAccount(w.OpenAccountOrder())
		w.Must(w.Sandbox.ForceDeposit(wrong, "3000"))
		w.MustSync(wrong)
		in := domaintest.Decision(wrong, charge.Accept)
		in.Points = 3000
		w.MustResolve(in)
		w.Must(w.Sandbox.Cancel(wrong, "1000"))
		w.MustSync(wrong)
		w.MustResolve(domaintest.Decision(wrong, charge.Ignore))
		w.WantProblems(nil)
		w.Must(w.Sandbox.ForceDeposit(wrong, "5000"))
		w.MustSync(wrong)
		w.WantProblems(map[string]charge.Problem{wrong: charge.AcceptedCancelled})
	})
}

// TestAdminsRefundAChargeWhoseAccountTookMore: the second deposit is the bank's to give back, the
// charge is ours.
func TestAdminsRefundAChargeWhoseAccountTookMore(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.IssueAccount(w.OpenAccountOrder())
		w.Must(w.Sandbox.Deposit(impUID, "5000"))
		line, err := w.Charge(w.Context(), "minji", impUID)
		w.Must(err)
		w.Must(w.Sandbox.ForceDeposit(impUID, "5000"))
		w.wantRefused(withAccount(domaintest.RefundOf(line, 5000, "r-1")), apierror.RefundNotPossible)
		w.MustRefund(domaintest.ByAdmin(withAccount(domaintest.RefundOf(line, 5000, "r-2"))))
		w.wantRefund(line, "r-2", charge.RefundDone)
		w.WantBalance("minji", 0)
		w.WantProblem(impUID, charge.WrongDeposit) // the other deposit is still here
	})
}

// TestADecisionAboutAWrongDepositNamesItsSum: the payment's amount says what was ordered, not
// what was transferred. Who transferred 1,000 won must be given neither 5,000 points nor 5,000
// won.
func TestADecisionAboutAWrongDepositNamesItsSum(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		impUID := w.IssueAccount(w.OpenAccountOrder())
		w.Must(w.Sandbox.ForceDeposit(impUID, "1000"))
		w.MustSync(impUID)
		calls := cancelling(f, f.Sandbox.ServeHTTP)
		w.wantUnresolved(domaintest.Decision(impUID, charge.Accept), apierror.InvalidArgument)
		back := domaintest.Decision(impUID, charge.RefundIt)
		back.Account = &charge.RefundAccount{Holder: "김민지", Bank: "004", Number: "1", Phone: "1"}
		w.wantUnresolved(back, apierror.RefundNotPossible)
		domaintest.WantPoints(w.T, "calls", calls.Load(), 0)
		in := domaintest.Decision(impUID, charge.Accept)
		in.Points = 1000
		w.MustResolve(in)
		w.WantBalance("minji", 1000)
		w.WantProblems(nil)
	})
}
