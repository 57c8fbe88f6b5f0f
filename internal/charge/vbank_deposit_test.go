package charge_test

import (
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

func TestF30ALateDepositToAnExpiredOrderIsCredited(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StartToday()
		order := w.OpenAccountOrder()
		impUID := w.IssueAccount(order)
		clock.Pass(73 * time.Hour)
		w.expireOrder(order)
		w.MustSync(impUID)
		w.wantStatus(order, charge.OrderExpired)
		w.Must(w.Sandbox.Deposit(impUID, "5000"))
		w.MustSync(impUID)
		w.wantStatus(order, charge.OrderPaid)
		w.WantBalance("minji", domaintest.Full)
	})
}

// TestAWrongDepositGivesNothing neither at once nor when the account has taken more.
func TestAWrongDepositGivesNothing(t *testing.T) {
	t.Parallel()
	for name, won := range map[string]int64{"too little": 3000, "too much": 5001} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				order := w.OpenAccountOrder()
				impUID := w.IssueAccount(order)
				for range 2 {
					w.Must(w.Sandbox.ForceDeposit(impUID, sandbox.Won(won)))
					_, err := w.Charge(w.Context(), "minji", impUID)
					w.WantCode(err, apierror.PaymentMismatch)
					w.WantProblem(impUID, charge.WrongDeposit)
				}
				w.WantBalance("minji", 0)
				w.wantStatus(order, charge.OrderPending)
			})
		})
	}
}

// TestAPartialDepositIsSeenThoughNothingIsPaid: the money is there, so the operator must know.
func TestAPartialDepositIsSeenThoughNothingIsPaid(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenAccountOrder()
		impUID := w.IssueAccount(order)
		w.EditPayment(impUID, func(p *sandbox.Payment) { p.DepositHistory = []sandbox.Deposit{{Amount: "3000"}} })
		w.MustSync(impUID)
		w.WantProblem(impUID, charge.WrongDeposit)
		_, err := w.OrderAccount(w.Context(), order)
		w.WantCode(err, apierror.NotFound)
		second, err := w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(order))
		w.Must(err)
		w.wantCalls(issueRoute, 2)
		if account, err := w.OrderAccount(w.Context(), second); err != nil || account.Number == "" {
			w.Fatalf("account %+v, %v", account, err)
		}
	})
}

func TestTwoDepositsBeforeTheCreditGiveNothing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.IssueAccount(w.OpenAccountOrder())
		w.Must(w.Sandbox.Deposit(impUID, "5000"))
		w.Must(w.Sandbox.ForceDeposit(impUID, "5000"))
		w.MustSync(impUID)
		w.WantProblem(impUID, charge.WrongDeposit)
		w.WantBalance("minji", 0)
	})
}

func TestASecondDepositAfterTheCreditIsAProblemAndNoPoints(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenAccountOrder()
		impUID := w.IssueAccount(order)
		w.Must(w.Sandbox.Deposit(impUID, "5000"))
		line, err := w.Charge(w.Context(), "minji", impUID)
		w.Must(err)
		w.Must(w.Sandbox.ForceDeposit(impUID, "5000"))
		for range 2 {
			w.MustSync(impUID)
			w.WantProblem(impUID, charge.WrongDeposit)
		}
		w.WantHistory("CHARGE 5000", "BONUS 500")
		w.wantStatus(order, charge.OrderPaid)
		w.wantRefused(withAccount(domaintest.RefundOf(line, 1000, "r-1")), apierror.RefundNotPossible)
		w.Must(w.Sandbox.Cancel(impUID, "1000")) // the operator gives back at the gateway's console
		w.MustSync(impUID)
		w.WantBalance("minji", domaintest.Full-1100)
		w.WantProblem(impUID, charge.WrongDeposit)
	})
}

func withAccount(in charge.RefundInput) charge.RefundInput {
	in.Account = &charge.RefundAccount{Holder: "김민지", Bank: "088", Number: "110-1", Phone: "010"}
	return in
}

// TestARefundUnderWayEndsThoughADepositWasWrong: what the account took says nothing about the
// refund.
func TestARefundUnderWayEndsThoughADepositWasWrong(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StartToday()
		impUID := w.IssueAccount(w.OpenAccountOrder())
		w.Must(w.Sandbox.Deposit(impUID, "5000"))
		line, err := w.Charge(w.Context(), "minji", impUID)
		w.Must(err)
		losing(f, "/payments/cancel", false)
		w.MustRefund(withAccount(domaintest.RefundOf(line, 5000, "r-1")))
		w.wantRefund(line, "r-1", charge.RefundHeld)
		w.Must(w.Sandbox.ForceDeposit(impUID, "5000"))
		clock.Pass(3*domaintest.Day + time.Second)
		w.MustSync(impUID)
		w.wantRefund(line, "r-1", charge.RefundReleased)
		w.WantSpendable(domaintest.Full)
	})
}

// TestAnOlderAnswerDoesNotHideASecondDeposit: it was on its way when the deposit came.
func TestAnOlderAnswerDoesNotHideASecondDeposit(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		once := domaintest.PaymentHistory(w.OpenOrder("minji"))[2]
		once.Deposits = []charge.Deposit{{Amount: 5000}}
		twice := once
		twice.Deposits = []charge.Deposit{{Amount: 5000}, {Amount: 5000}}
		w.Gateway = &told{answers: []charge.Payment{once, twice, once, twice}}
		for range 4 {
			w.MustSync("imp_1")
		}
		w.WantProblem("imp_1", charge.WrongDeposit)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestASecondPaidAccountOfAnOrderIsAProblem(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenAccountOrder()
		first := w.IssueAccount(order)
		second := w.Pay(order, domaintest.WithStatus(sandbox.Ready), func(p *sandbox.Payment) {
			p.PayMethod, p.VbankNum, p.VbankDate = "vbank", "110", 4_000_000_000
		})
		for _, impUID := range []string{second, first} {
			w.Must(w.Sandbox.Deposit(impUID, "5000"))
			w.MustSync(impUID)
		}
		w.WantProblem(first, charge.OrderAlreadyPaid)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestAnAccountThatFailedIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenAccountOrder()
		impUID := w.IssueAccount(order)
		w.EditPayment(impUID, domaintest.WithStatus(sandbox.Failed))
		w.MustSync(impUID)
		if now := w.wantStatus(order, charge.OrderPending); !now.ExpiresAt.Equal(order.ExpiresAt) {
			w.Fatalf("it waits until %s, want %s", now.ExpiresAt, order.ExpiresAt)
		}
	})
}
