package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"pointcharge/internal/sandbox"
	"pointcharge/internal/sandbox/fault"
)

// payUnder pays an order under the plan and returns the browser's answer and the payment.
func payUnder(t *testing.T, plan string) (*gateway, outcome, sandbox.Payment) {
	t.Helper()
	g := newGateway(t)
	g.setFaults(plan)
	ended := g.answerCheckout(g.openCheckout("overlay", plainOrder), `{"action":"pay"}`)
	return g, ended, g.All()[0]
}

func TestFaultWrongAmount(t *testing.T) {
	t.Parallel()
	g, _, p := payUnder(t, "wrong-amount")
	equal(t, p.Amount, "4999")
	equal(t, p.Status, sandbox.Paid)
	g.expectInjected(fault.WrongAmount, 1)
}

func TestFaultWrongCurrency(t *testing.T) {
	t.Parallel()
	g, _, p := payUnder(t, "wrong-currency")
	equal(t, p.Currency, "USD")
	g.expectInjected(fault.WrongCurrency, 1)
}

func TestFaultFailedThenPaid(t *testing.T) {
	t.Parallel()
	heard := map[int]bool{}
	for _, plan := range []string{"failed-then-paid,seed=1", "failed-then-paid,seed=2", "failed-then-paid,seed=3", "failed-then-paid,seed=4"} {
		g, ended, p := payUnder(t, plan)
		equal(t, ended.Rsp.Success, false)
		equal(t, p.Status, sandbox.Failed)
		equal(t, len(g.receivedWebhooks()), 0)
		g.clock.advance(5 * time.Minute)
		equal(t, g.Deliver(), 1)
		p, _ = g.Payment(p.ImpUID)
		equal(t, p.Status, sandbox.Paid)
		heard[len(g.receivedWebhooks())] = true
	}
	equal(t, heard, map[int]bool{0: true, 1: true})
}

func TestFaultConsoleCancelCancelsInTwoParts(t *testing.T) {
	t.Parallel()
	g, ended, p := payUnder(t, "console-cancel")
	equal(t, ended.Rsp.Success, true)
	for i, want := range []string{"2500", "5000"} {
		g.clock.advance(10 * time.Minute)
		equal(t, g.Deliver(), 1)
		p, _ = g.Payment(p.ImpUID)
		equal(t, p.CancelAmount.String(), want)
		equal(t, len(p.CancelHistory), i+1)
	}
	equal(t, len(g.receivedWebhooks()), 3)
}

func TestFaultClockSkew(t *testing.T) {
	t.Parallel()
	for seed, off := range map[string]int64{"0": 60, "14": 900, "15": -60, "29": -900} {
		g, _, p := payUnder(t, "clock-skew,seed="+seed)
		equal(t, p.PaidAt, 1_763_795_000+off)
		granted := decodeResponse[struct {
			Now       int64 `json:"now"`
			ExpiredAt int64 `json:"expired_at"`
		}](g, g.call(http.MethodPost, "/users/getToken", `{"imp_key":"key","imp_secret":"s&=+%"}`))
		equal(t, granted.Now, 1_763_795_000+off)
		equal(t, granted.ExpiredAt, granted.Now+1800)
		g.expectCode(g.getWithToken("/payments/"+p.ImpUID+"?include_sandbox=true"), 200, 0)
	}
}

func TestFaultSecondDeposit(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "order", Amount: "5000", PayMethod: "vbank", Status: sandbox.Ready})
	g.Put(sandbox.Payment{ImpUID: "imp_card", MerchantUID: "other", Amount: "5000", Status: sandbox.Ready})
	g.setFaults("second-deposit")
	for _, id := range []string{"imp_1", "imp_card"} {
		if err := g.Pay(id); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, g.Flush(), 1)
	p, _ := g.Payment("imp_1")
	equal(t, p.Amount, "5000")
	equal(t, len(p.DepositHistory), 2)
	equal(t, p.DepositHistory[1].Amount, "5000")
	g.expectInjected(fault.SecondDeposit, 1)
}

func TestFaultUnreadable(t *testing.T) {
	t.Parallel()
	g, ended, p := payUnder(t, "unreadable")
	equal(t, ended.Rsp.Success, true)
	equal(t, p.Currency, "?KRW")
	listed := decodeResponse[listPage](g, g.getWithToken("/payments/status/paid"))
	equal(t, listed.List[0].Currency, "?KRW")
	g.expectInjected(fault.Unreadable, 1)
	g.clock.advance(10 * time.Minute)
	equal(t, g.Deliver(), 1)
	p, _ = g.Payment(p.ImpUID)
	equal(t, p.Currency, "KRW")
	equal(t, len(g.receivedWebhooks()), 1)
}

func TestSandboxPaymentsMeetFaults(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.setFaults("wrong-amount")
	p := decodeResponse[sandbox.Payment](g, g.call(http.MethodPost, "/sandbox-payments", `{"merchant_uid":"order","amount":5000}`))
	equal(t, p.Amount, "4999")
	kept, _ := g.Payment(p.ImpUID)
	equal(t, kept, p)
}

func TestPutMeetsNoFault(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.setFaults("wrong-amount,clock-skew")
	p := g.Put(sandbox.Payment{ImpUID: "imp_1", Amount: "5000"})
	equal(t, p.Amount, "5000")
	equal(t, p.PaidAt, 1_763_795_000)
}
