package charge_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

func (w *world) wantUnresolved(in charge.ResolveInput, code apierror.Code) {
	w.Helper()
	_, err := w.Resolve(w.Context(), in)
	w.WantCode(err, code)
}

func TestProblemsListsWhatWasNotCredited(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		wrong, _ := w.Mispaid()
		stray := w.Sandbox.Put(sandbox.Payment{MerchantUID: "not-ours", Amount: "1000", Sandbox: true}).ImpUID
		w.MustSync(stray)
		w.WantProblems(map[string]charge.Problem{wrong: charge.WrongAmount})
		w.wantCounts(charge.ProblemKindCount{State: charge.Foreign, Problem: charge.UnknownOrder, Payments: 1},
			charge.ProblemKindCount{State: charge.Open, Problem: charge.WrongAmount, Payments: 1})
	})
}

func TestARefundedProblemGivesTheMoneyBackOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		wrong, _ := w.Mispaid()
		var operators sync.WaitGroup
		var refunded atomic.Int64
		for range 4 {
			operators.Go(func() {
				if _, err := w.Resolve(w.Context(), domaintest.Decision(wrong, charge.RefundIt)); err == nil {
					refunded.Add(1)
				}
			})
		}
		operators.Wait()
		p, _ := w.Sandbox.Payment(wrong)
		if p.CancelAmount != "4000" || len(p.CancelHistory) != 1 || refunded.Load() < 1 {
			w.Fatalf("cancelled %s of it in %d parts for %d operators", p.CancelAmount, len(p.CancelHistory), refunded.Load())
		}
		w.WantProblems(nil)
		w.WantBalance("minji", 0)
	})
}

func TestAnAcceptedPaymentGivesPointsOnceAndIsNeverCreditedBesides(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		wrong, order := w.Mispaid()
		var operators sync.WaitGroup
		for range 4 {
			operators.Go(func() { _, _ = w.Resolve(w.Context(), domaintest.Decision(wrong, charge.Accept)) })
		}
		operators.Wait()
		w.WantBalance("minji", 4000)
		w.WantProblems(nil)
		w.EditPayment(wrong, func(p *sandbox.Payment) { p.Amount = "5000" })
		w.MustSync(wrong)
		_, err := w.Charge(w.Context(), "minji", wrong)
		w.WantCode(err, apierror.PaymentMismatch)
		w.WantBalance("minji", 4000)
		w.MustSync(w.Pay(order)) // another payment of the same order fits
		w.WantBalance("minji", 4000+domaintest.Full)
		w.MustSync(wrong)
		w.WantProblems(nil)
		w.WantHistory("ADJUST 4000", "CHARGE 5000", "BONUS 500")
	})
}

func TestAnAcceptedPaymentThatIsCancelledIsListedAgain(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		wrong, _ := w.Mispaid()
		w.MustResolve(domaintest.Decision(wrong, charge.Accept))
		w.Must(w.Sandbox.Cancel(wrong, "1000"))
		w.MustSync(wrong)
		w.WantProblems(map[string]charge.Problem{wrong: charge.AcceptedCancelled})
		w.wantUnresolved(domaintest.Decision(wrong, charge.RefundIt), apierror.RefundNotPossible)
		w.MustResolve(domaintest.Decision(wrong, charge.Ignore))
		w.WantProblems(nil)
		w.Must(w.Sandbox.Cancel(wrong, "3000"))
		w.MustSync(wrong)
		w.WantProblems(map[string]charge.Problem{wrong: charge.AcceptedCancelled})
	})
}

func TestASecondPaymentForAnOrderCanBeAccepted(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenOrder("minji")
		w.MustSync(w.Pay(order))
		again := w.Pay(order)
		w.MustSync(again)
		w.WantProblems(map[string]charge.Problem{again: charge.OrderAlreadyPaid})
		w.MustResolve(domaintest.Decision(again, charge.Accept))
		w.WantProblems(nil)
		w.WantBalance("minji", domaintest.Full+5000)
		w.Must(w.Sandbox.Cancel(again, "5000"))
		w.MustSync(again)
		w.WantProblems(map[string]charge.Problem{again: charge.AcceptedCancelled})
	})
}

func TestAStrayPaymentIsAcceptedForWhomTheOperatorNames(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		stray := w.Sandbox.Put(sandbox.Payment{MerchantUID: "not-ours", Amount: "10.50", Currency: "USD", Sandbox: true}).ImpUID
		w.MustSync(stray)
		in := domaintest.Decision(stray, charge.Accept)
		in.Points = 14_000
		w.wantUnresolved(in, apierror.InvalidArgument) // for whom?
		in.UserID, in.Points = "minji", 0
		w.wantUnresolved(in, apierror.InvalidArgument) // how many?
		in.Points = 14_000
		w.MustResolve(in)
		w.WantBalance("minji", 14_000)
		w.WantProblems(nil)
	})
}

func TestAnIgnoredProblemComesBackWhenMoreIsCancelled(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		wrong, _ := w.Mispaid()
		w.MustResolve(domaintest.Decision(wrong, charge.Ignore))
		w.WantProblems(nil)
		w.wantUnresolved(domaintest.Decision(wrong, charge.Ignore), apierror.NotFound)
		w.Must(w.Sandbox.Cancel(wrong, "1000"))
		w.MustSync(wrong)
		w.WantProblems(map[string]charge.Problem{wrong: charge.WrongAmount})
		kept, err := w.Resolutions(w.Context(), wrong)
		w.Must(err)
		if len(kept) != 1 || kept[0].Reason != "고객 문의" || kept[0].Actor != domaintest.Sora() || kept[0].Action != charge.Ignore {
			w.Fatalf("unexpected decisions %+v", kept)
		}
	})
}

func TestACreditedPaymentsContradictionCanBeAcceptedButNotRefunded(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.EditPayment(*credited.ImpUID, func(p *sandbox.Payment) { p.CancelAmount = "1000" })
		w.MustSync(*credited.ImpUID)
		w.WantProblems(map[string]charge.Problem{*credited.ImpUID: charge.WrongCancellations})
		w.wantUnresolved(domaintest.Decision(*credited.ImpUID, charge.RefundIt), apierror.RefundNotPossible)
		w.MustResolve(domaintest.Decision(*credited.ImpUID, charge.Accept))
		w.WantProblems(nil)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestAnothersClaimIsNotAcceptedButSynced(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.Pay(w.OpenOrder("minji"))
		_, err := w.Charge(w.Context(), "junho", impUID)
		w.WantCode(err, apierror.PaymentNotFound)
		w.WantProblems(map[string]charge.Problem{impUID: charge.AnotherUser})
		w.wantUnresolved(domaintest.Decision(impUID, charge.Accept), apierror.NotFound) // it syncs first, and that credits the owner
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestADecisionNeedsItsReasonAndOperator(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		wrong, _ := w.Mispaid()
		for _, edit := range []func(*charge.ResolveInput){
			func(in *charge.ResolveInput) { in.Reason = "" },
			func(in *charge.ResolveInput) { in.Reason = "a\x00b" },
			func(in *charge.ResolveInput) { in.Actor.ID = "" },
			func(in *charge.ResolveInput) { in.Action = "FORGET" },
			func(in *charge.ResolveInput) { in.ImpUID = "a/b" },
			func(in *charge.ResolveInput) { in.Points = -1 },
			func(in *charge.ResolveInput) { in.UserID = "junho" },
			func(in *charge.ResolveInput) { in.Account = &charge.RefundAccount{} },
		} {
			in := domaintest.Decision(wrong, charge.Accept)
			edit(&in)
			w.wantUnresolved(in, apierror.InvalidArgument)
		}
		w.wantUnresolved(domaintest.Decision("imp_never", charge.Ignore), apierror.PaymentNotFound)
		w.WantBalance("minji", 0)
	})
}

// wantCounts fails unless these are the counts of all problems.
func (w *world) wantCounts(want ...charge.ProblemKindCount) {
	w.Helper()
	got, err := w.ProblemCounts(w.Context())
	w.Must(err)
	if !slices.Equal(got, want) {
		w.Fatalf("the counts are %v, want %v", got, want)
	}
}
