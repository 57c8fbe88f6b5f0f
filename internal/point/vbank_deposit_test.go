package point_test

import (
	"testing"
	"time"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

func TestF30ALateDepositToAnExpiredOrderIsCredited(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.today()
		order := w.vbankOrder()
		impUID := w.issued(order)
		clock.pass(73 * time.Hour)
		w.expireOrder(order)
		w.sync(impUID)
		w.wantStatus(order, point.OrderExpired)
		w.must(w.gateway.Deposit(impUID, "5000"))
		w.sync(impUID)
		w.wantStatus(order, point.OrderPaid)
		w.wantBalance("minji", full)
	})
}

// TestAWrongDepositGivesNothing neither at once nor when the account has taken more.
func TestAWrongDepositGivesNothing(t *testing.T) {
	t.Parallel()
	for name, won := range map[string]int64{"too little": 3000, "too much": 5001} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				order := w.vbankOrder()
				impUID := w.issued(order)
				for range 2 {
					w.must(w.gateway.ForceDeposit(impUID, sandbox.Won(won)))
					_, err := w.Charge(w.Context(), "minji", impUID)
					w.wantCode(err, point.PaymentMismatch)
					w.wantProblem(impUID, point.WrongDeposit)
				}
				w.wantBalance("minji", 0)
				w.wantStatus(order, point.OrderPending)
			})
		})
	}
}

// TestAPartialDepositIsSeenThoughNothingIsPaid: the money is there, so the operator must know.
func TestAPartialDepositIsSeenThoughNothingIsPaid(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.vbankOrder()
		impUID := w.issued(order)
		w.edit(impUID, func(p *sandbox.Payment) { p.DepositHistory = []sandbox.Deposit{{Amount: "3000"}} })
		w.sync(impUID)
		w.wantProblem(impUID, point.WrongDeposit)
		_, err := w.OrderAccount(w.Context(), order)
		w.wantCode(err, point.NotFound)
		second, err := w.IssueVirtualAccount(w.Context(), "minji", wants(order))
		w.must(err)
		w.wantCalls(issueRoute, 2)
		if account, err := w.OrderAccount(w.Context(), second); err != nil || account.Number == "" {
			w.Fatalf("account %+v, %v", account, err)
		}
	})
}

func TestTwoDepositsBeforeTheCreditGiveNothing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.issued(w.vbankOrder())
		w.must(w.gateway.Deposit(impUID, "5000"))
		w.must(w.gateway.ForceDeposit(impUID, "5000"))
		w.sync(impUID)
		w.wantProblem(impUID, point.WrongDeposit)
		w.wantBalance("minji", 0)
	})
}

func TestASecondDepositAfterTheCreditIsAProblemAndNoPoints(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.vbankOrder()
		impUID := w.issued(order)
		w.must(w.gateway.Deposit(impUID, "5000"))
		line, err := w.Charge(w.Context(), "minji", impUID)
		w.must(err)
		w.must(w.gateway.ForceDeposit(impUID, "5000"))
		for range 2 {
			w.sync(impUID)
			w.wantProblem(impUID, point.WrongDeposit)
		}
		w.wantHistory("CHARGE 5000", "BONUS 500")
		w.wantStatus(order, point.OrderPaid)
		w.wantRefused(withAccount(asks(line, 1000, "r-1")), point.RefundNotPossible)
		w.must(w.gateway.Cancel(impUID, "1000")) // the operator gives back at the gateway's console
		w.sync(impUID)
		w.wantBalance("minji", full-1100)
		w.wantProblem(impUID, point.WrongDeposit)
	})
}

// TestReconcileFindsASecondDepositThatNobodyToldUsOf: the payment is paid before and after, of the same amount.
func TestReconcileFindsASecondDepositThatNobodyToldUsOf(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.issued(w.vbankOrder())
		w.must(w.gateway.Deposit(impUID, "5000"))
		_, err := w.Charge(w.Context(), "minji", impUID)
		w.must(err)
		w.wantDifferences(w.reconcile())
		w.must(w.gateway.ForceDeposit(impUID, "5000"))
		for range 2 { // found by the first, and no less a difference for the second
			w.wantDifferences(w.reconcile(), "AMOUNT "+impUID)
			w.wantProblem(impUID, point.WrongDeposit)
		}
		w.wantBalance("minji", full)
	})
}

func withAccount(in point.RefundInput) point.RefundInput {
	in.Account = &point.RefundAccount{Holder: "김민지", Bank: "088", Number: "110-1", Phone: "010"}
	return in
}

// TestARefundUnderWayEndsThoughADepositWasWrong: what the account took says nothing about the refund.
func TestARefundUnderWayEndsThoughADepositWasWrong(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.today()
		impUID := w.issued(w.vbankOrder())
		w.must(w.gateway.Deposit(impUID, "5000"))
		line, err := w.Charge(w.Context(), "minji", impUID)
		w.must(err)
		losing(f, "/payments/cancel", false)
		w.refund(withAccount(asks(line, 5000, "r-1")))
		w.wantRefund(line, "r-1", point.RefundHeld)
		w.must(w.gateway.ForceDeposit(impUID, "5000"))
		clock.pass(3*day + time.Second)
		w.sync(impUID)
		w.wantRefund(line, "r-1", point.RefundReleased)
		w.wantSpendable(full)
	})
}

// TestAnOlderAnswerDoesNotHideASecondDeposit: it was on its way when the deposit came.
func TestAnOlderAnswerDoesNotHideASecondDeposit(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		once := history(w.order("minji"))[2]
		once.Deposits = []point.Deposit{{Amount: 5000}}
		twice := once
		twice.Deposits = []point.Deposit{{Amount: 5000}, {Amount: 5000}}
		w.Gateway = &told{answers: []point.Payment{once, twice, once, twice}}
		for range 4 {
			w.sync("imp_1")
		}
		w.wantProblem("imp_1", point.WrongDeposit)
		w.wantBalance("minji", full)
	})
}

func TestASecondPaidAccountOfAnOrderIsAProblem(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.vbankOrder()
		first := w.issued(order)
		second := w.pay(order, status(sandbox.Ready), func(p *sandbox.Payment) {
			p.PayMethod, p.VbankNum, p.VbankDate = "vbank", "110", 4_000_000_000
		})
		for _, impUID := range []string{second, first} {
			w.must(w.gateway.Deposit(impUID, "5000"))
			w.sync(impUID)
		}
		w.wantProblem(first, point.OrderAlreadyPaid)
		w.wantBalance("minji", full)
	})
}

func TestAnAccountThatFailedIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.vbankOrder()
		impUID := w.issued(order)
		w.edit(impUID, status(sandbox.Failed))
		w.sync(impUID)
		if now := w.wantStatus(order, point.OrderPending); !now.ExpiresAt.Equal(order.ExpiresAt) {
			w.Fatalf("it waits until %s, want %s", now.ExpiresAt, order.ExpiresAt)
		}
	})
}
