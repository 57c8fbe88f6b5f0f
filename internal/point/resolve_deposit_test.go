package point_test

import (
	"testing"

	"pointcharge/internal/point"
)

// TestADepositAfterTheDecisionIsANewQuestion, whatever was decided about the ones before.
func TestADepositAfterTheDecisionIsANewQuestion(t *testing.T) {
	t.Parallel()
	for _, action := range []point.Action{point.Accept, point.Ignore} {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				credited := w.issued(w.vbankOrder())
				w.must(w.gateway.Deposit(credited, "5000"))
				w.sync(credited)
				wrong := w.issued(w.vbankOrder())
				w.must(w.gateway.ForceDeposit(wrong, "3000"))
				w.sync(wrong)
				first := decision(wrong, action)
				if action == point.Accept {
					first.Points = 3000
				}
				w.resolve(first)
				for range 3 {
					w.must(w.gateway.ForceDeposit(credited, "5000"))
					w.must(w.gateway.ForceDeposit(wrong, "5000"))
					for _, impUID := range []string{credited, wrong, wrong} {
						w.sync(impUID)
					}
					w.wantProblems(map[string]point.Problem{credited: point.WrongDeposit, wrong: point.WrongDeposit})
					w.resolve(decision(credited, action))
					w.resolve(decision(wrong, action))
					w.wantProblems(nil)
				}
				wantPoints(w.T, "ADJUST lines", w.count("point_transactions", "kind = 'ADJUST'"), map[point.Action]int64{point.Accept: 1}[action])
			})
		})
	}
}

// TestADepositAfterACancellationIsANewQuestion: an accepted payment may have both.
func TestADepositAfterACancellationIsANewQuestion(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		wrong := w.issued(w.vbankOrder())
		w.must(w.gateway.ForceDeposit(wrong, "3000"))
		w.sync(wrong)
		in := decision(wrong, point.Accept)
		in.Points = 3000
		w.resolve(in)
		w.must(w.gateway.Cancel(wrong, "1000"))
		w.sync(wrong)
		w.resolve(decision(wrong, point.Ignore))
		w.wantProblems(nil)
		w.must(w.gateway.ForceDeposit(wrong, "5000"))
		w.sync(wrong)
		w.wantProblems(map[string]point.Problem{wrong: point.AcceptedCancelled})
	})
}

// TestAdminsRefundAChargeWhoseAccountTookMore: the second deposit is the bank's to give back, the charge is ours.
func TestAdminsRefundAChargeWhoseAccountTookMore(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.issued(w.vbankOrder())
		w.must(w.gateway.Deposit(impUID, "5000"))
		line, err := w.Charge(w.Context(), "minji", impUID)
		w.must(err)
		w.must(w.gateway.ForceDeposit(impUID, "5000"))
		w.wantRefused(withAccount(asks(line, 5000, "r-1")), point.RefundNotPossible)
		w.refund(byAdmin(withAccount(asks(line, 5000, "r-2"))))
		w.wantRefund(line, "r-2", point.RefundDone)
		w.wantBalance("minji", 0)
		w.wantProblem(impUID, point.WrongDeposit) // the other deposit is still here
	})
}

// TestADecisionAboutAWrongDepositNamesItsSum: the payment's amount says what was ordered, not what was transferred. Who
// transferred 1,000 won must be given neither 5,000 points nor 5,000 won.
func TestADecisionAboutAWrongDepositNamesItsSum(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		impUID := w.issued(w.vbankOrder())
		w.must(w.gateway.ForceDeposit(impUID, "1000"))
		w.sync(impUID)
		calls := cancelling(f, f.gateway.ServeHTTP)
		w.wantUnresolved(decision(impUID, point.Accept), point.InvalidArgument)
		back := decision(impUID, point.RefundIt)
		back.Account = &point.RefundAccount{Holder: "김민지", Bank: "004", Number: "1", Phone: "1"}
		w.wantUnresolved(back, point.RefundNotPossible)
		wantPoints(w.T, "calls", calls.Load(), 0)
		in := decision(impUID, point.Accept)
		in.Points = 1000
		w.resolve(in)
		w.wantBalance("minji", 1000)
		w.wantProblems(nil)
	})
}
