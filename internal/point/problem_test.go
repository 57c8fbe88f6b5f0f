package point_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// mispaid is a payment of 4,000 won for minji's order of 5,000.
func mispaid(w *world) (impUID string, order point.Order) {
	w.Helper()
	order = w.order("minji")
	impUID = w.pay(order, func(p *sandbox.Payment) { p.Amount = "4000" })
	w.sync(impUID)
	return impUID, order
}

func decision(impUID string, action point.Action) point.ResolveInput {
	return point.ResolveInput{ImpUID: impUID, Action: action, Reason: "고객 문의", Operator: "sora"}
}

func (w *world) resolve(in point.ResolveInput) {
	w.Helper()
	_, err := w.Resolve(w.Context(), in)
	w.must(err)
}

func (w *world) wantUnresolved(in point.ResolveInput, code point.Code) {
	w.Helper()
	_, err := w.Resolve(w.Context(), in)
	w.wantCode(err, code)
}

// wantProblems fails unless those, and no others, are on the list.
func (w *world) wantProblems(want map[string]point.Problem) {
	w.Helper()
	var listed []point.Payment
	for p, err := range w.Problems(w.Context()) {
		w.must(err)
		listed = append(listed, p)
	}
	n, err := w.ProblemCount(w.Context())
	w.must(err)
	if len(listed) != len(want) || n != int64(len(want)) {
		w.Fatalf("%d of %d problems are listed: %+v, want %v", len(listed), n, listed, want)
	}
	for _, p := range listed {
		if want[p.ImpUID] != p.Problem {
			w.Fatalf("payment %s has problem %q, want %q", p.ImpUID, p.Problem, want[p.ImpUID])
		}
	}
}

func TestProblemsListsWhatWasNotCredited(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
		wrong, _ := mispaid(w)
		stray := w.gateway.Put(sandbox.Payment{MerchantUID: "not-ours", Amount: "1000", Sandbox: true}).ImpUID
		w.sync(stray)
		w.wantProblems(map[string]point.Problem{wrong: point.WrongAmount, stray: point.UnknownOrder})
	})
}

func TestARefundedProblemGivesTheMoneyBackOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		wrong, _ := mispaid(w)
		var operators sync.WaitGroup
		var refunded atomic.Int64
		for range 4 {
			operators.Go(func() {
				if _, err := w.Resolve(w.Context(), decision(wrong, point.RefundIt)); err == nil {
					refunded.Add(1)
				}
			})
		}
		operators.Wait()
		p, _ := w.gateway.Payment(wrong)
		if p.CancelAmount != "4000" || len(p.CancelHistory) != 1 || refunded.Load() < 1 {
			w.Fatalf("cancelled %s of it in %d parts for %d operators", p.CancelAmount, len(p.CancelHistory), refunded.Load())
		}
		w.wantProblems(nil)
		w.wantBalance("minji", 0)
	})
}

func TestAnAcceptedPaymentGivesPointsOnceAndIsNeverCreditedBesides(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		wrong, order := mispaid(w)
		var operators sync.WaitGroup
		for range 4 {
			operators.Go(func() { _, _ = w.Resolve(w.Context(), decision(wrong, point.Accept)) })
		}
		operators.Wait()
		w.wantBalance("minji", 4000)
		w.wantProblems(nil)
		w.edit(wrong, func(p *sandbox.Payment) { p.Amount = "5000" })
		w.sync(wrong)
		_, err := w.Charge(w.Context(), "minji", wrong)
		w.wantCode(err, point.PaymentMismatch)
		w.wantBalance("minji", 4000)
		w.sync(w.pay(order)) // another payment of the same order fits
		w.wantBalance("minji", 4000+full)
		w.sync(wrong)
		w.wantProblems(nil)
		w.wantHistory("ADJUST 4000", "CHARGE 5000", "BONUS 500")
	})
}

// TestAnAcceptedPaymentIsNoDifference: an operator has made the books agree by hand.
func TestAnAcceptedPaymentIsNoDifference(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		wrong, _ := mispaid(w)
		w.wantDifferences(w.reconcile(), "AMOUNT "+wrong)
		w.resolve(decision(wrong, point.Accept))
		w.wantDifferences(w.reconcile())
	})
}

func TestAnAcceptedPaymentThatIsCancelledIsListedAgain(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		wrong, _ := mispaid(w)
		w.resolve(decision(wrong, point.Accept))
		w.must(w.gateway.Cancel(wrong, "1000"))
		w.sync(wrong)
		w.wantProblems(map[string]point.Problem{wrong: point.AcceptedCancelled})
		w.wantUnresolved(decision(wrong, point.RefundIt), point.RefundNotPossible)
		w.resolve(decision(wrong, point.Ignore))
		w.wantProblems(nil)
		w.must(w.gateway.Cancel(wrong, "3000"))
		w.sync(wrong)
		w.wantProblems(map[string]point.Problem{wrong: point.AcceptedCancelled})
	})
}

func TestASecondPaymentForAnOrderCanBeAccepted(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.order("minji")
		w.sync(w.pay(order))
		again := w.pay(order)
		w.sync(again)
		w.wantProblems(map[string]point.Problem{again: point.OrderAlreadyPaid})
		w.resolve(decision(again, point.Accept))
		w.wantProblems(nil)
		w.wantBalance("minji", full+5000)
		w.must(w.gateway.Cancel(again, "5000"))
		w.sync(again)
		w.wantProblems(map[string]point.Problem{again: point.AcceptedCancelled})
	})
}

func TestAStrayPaymentIsAcceptedForWhomTheOperatorNames(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		stray := w.gateway.Put(sandbox.Payment{MerchantUID: "not-ours", Amount: "10.50", Currency: "USD", Sandbox: true}).ImpUID
		w.sync(stray)
		in := decision(stray, point.Accept)
		in.Points = 14_000
		w.wantUnresolved(in, point.InvalidArgument) // for whom?
		in.UserID, in.Points = "minji", 0
		w.wantUnresolved(in, point.InvalidArgument) // how many?
		in.Points = 14_000
		w.resolve(in)
		w.wantBalance("minji", 14_000)
		w.wantProblems(nil)
	})
}

func TestAnIgnoredProblemComesBackWhenMoreIsCancelled(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		wrong, _ := mispaid(w)
		w.resolve(decision(wrong, point.Ignore))
		w.wantProblems(nil)
		w.wantUnresolved(decision(wrong, point.Ignore), point.NotFound)
		w.must(w.gateway.Cancel(wrong, "1000"))
		w.sync(wrong)
		w.wantProblems(map[string]point.Problem{wrong: point.WrongAmount})
		kept, err := w.Resolutions(w.Context(), wrong)
		w.must(err)
		if len(kept) != 1 || kept[0].Reason != "고객 문의" || kept[0].Operator != "sora" || kept[0].Action != point.Ignore {
			w.Fatalf("unexpected decisions %+v", kept)
		}
	})
}

func TestACreditedPaymentsContradictionCanBeAcceptedButNotRefunded(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.edit(*charge.ImpUID, func(p *sandbox.Payment) { p.CancelAmount = "1000" })
		w.sync(*charge.ImpUID)
		w.wantProblems(map[string]point.Problem{*charge.ImpUID: point.WrongCancellations})
		w.wantUnresolved(decision(*charge.ImpUID, point.RefundIt), point.RefundNotPossible)
		w.resolve(decision(*charge.ImpUID, point.Accept))
		w.wantProblems(nil)
		w.wantBalance("minji", full)
	})
}

func TestAnothersClaimIsNotAcceptedButSynced(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.pay(w.order("minji"))
		_, err := w.Charge(w.Context(), "junho", impUID)
		w.wantCode(err, point.PaymentNotFound)
		w.wantProblems(map[string]point.Problem{impUID: point.AnotherUser})
		w.wantUnresolved(decision(impUID, point.Accept), point.NotFound) // it syncs first, and that credits the owner
		w.wantBalance("minji", full)
	})
}

func TestADecisionNeedsItsReasonAndOperator(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		wrong, _ := mispaid(w)
		for _, edit := range []func(*point.ResolveInput){
			func(in *point.ResolveInput) { in.Reason = "" },
			func(in *point.ResolveInput) { in.Reason = "a\x00b" },
			func(in *point.ResolveInput) { in.Operator = "" },
			func(in *point.ResolveInput) { in.Action = "FORGET" },
			func(in *point.ResolveInput) { in.ImpUID = "a/b" },
			func(in *point.ResolveInput) { in.Points = -1 },
			func(in *point.ResolveInput) { in.UserID = "junho" },
			func(in *point.ResolveInput) { in.Account = &point.RefundAccount{} },
		} {
			in := decision(wrong, point.Accept)
			edit(&in)
			w.wantUnresolved(in, point.InvalidArgument)
		}
		w.wantUnresolved(decision("imp_never", point.Ignore), point.PaymentNotFound)
		w.wantBalance("minji", 0)
	})
}
