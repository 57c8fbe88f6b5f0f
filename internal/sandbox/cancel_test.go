package sandbox_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"pointcharge/internal/sandbox"
)

func newPaidGateway(t *testing.T) *gateway {
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "order", Amount: "25000"})
	return g
}

func (g *gateway) cancelPayment(body string) answer {
	g.t.Helper()
	return g.callWithToken(http.MethodPost, "/payments/cancel", body)
}

func TestCancelOfAPartSetsTheStatusAndTheHistory(t *testing.T) {
	t.Parallel()
	g := newPaidGateway(t)
	got := g.cancelPayment(`{"imp_uid":"imp_1","amount":1000,"checksum":25000,"reason":"user request"}`)
	g.expectCode(got, 200, 0)
	p := decodeResponse[sandbox.Payment](g, got)
	equal(t, p.Status, "cancelled")
	equal(t, p.CancelAmount, "1000")
	equal(t, p.CancelledAt, 1_763_795_000)
	equal(t, p.CancelReason, "user request")
	equal(t, p.PaidAt, 1_763_795_000)
	item := p.CancelHistory[0]
	equal(t, item.Amount, "1000")
	equal(t, item.Reason, "user request")
	if item.CancellationID == "" || item.PGTID == "" {
		t.Errorf("no ids: %+v", item)
	}
}

func TestCancelAddsUpToTheWholeAmount(t *testing.T) {
	t.Parallel()
	g := newPaidGateway(t)
	g.cancelPayment(`{"imp_uid":"imp_1","amount":1000}`)
	g.cancelPayment(`{"imp_uid":"imp_1","amount":2000.5,"checksum":24000}`)
	p := decodeResponse[sandbox.Payment](g, g.cancelPayment(`{"imp_uid":"imp_1","checksum":21999.5}`))
	equal(t, p.CancelAmount, "25000")
	equal(t, []json.Number{p.CancelHistory[0].Amount, p.CancelHistory[1].Amount, p.CancelHistory[2].Amount},
		[]json.Number{"1000", "2000.5", "21999.5"})
	g.expectCode(g.cancelPayment(`{"imp_uid":"imp_1"}`), 200, 1)
}

func TestCancelWithoutAnAmountOrWithZeroIsFull(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"imp_uid":"imp_1"}`, `{"imp_uid":"imp_1","amount":0}`, `{"imp_uid":"imp_1","amount":null}`} {
		g := newPaidGateway(t)
		equal(t, decodeResponse[sandbox.Payment](g, g.cancelPayment(body)).CancelAmount, "25000")
	}
}

func TestCancelTakesAForm(t *testing.T) {
	t.Parallel()
	g := newPaidGateway(t)
	got := g.callWithToken(http.MethodPost, "/payments/cancel", encodeForm("merchant_uid", "order", "amount", "5", "reason", "단순 변심"), formType)
	p := decodeResponse[sandbox.Payment](g, got)
	equal(t, p.CancelAmount, "5")
	equal(t, p.CancelReason, "단순 변심")
}

func TestCancelRefusesWithACodeInHTTP200(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, message string }{
		"unknown":           {`{"imp_uid":"imp_9"}`, "취소할 결제건이 존재하지 않습니다."},
		"the imp_uid wins":  {`{"imp_uid":"imp_9","merchant_uid":"order"}`, "취소할 결제건이 존재하지 않습니다."},
		"unknown order":     {`{"merchant_uid":"nobody"}`, "취소할 결제건이 존재하지 않습니다."},
		"checksum mismatch": {`{"imp_uid":"imp_1","amount":1000,"checksum":24000}`, "checksum"},
		"zero checksum":     {`{"imp_uid":"imp_1","amount":1000,"checksum":0}`, "checksum"},
		"too much":          {`{"imp_uid":"imp_1","amount":25000.01}`, "requested cancel amount is bigger than cancelable amount"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newPaidGateway(t)
			got := g.cancelPayment(c.body)
			g.expectCode(got, 200, 1)
			equal(t, string(got.Response), "null")
			if !strings.Contains(*got.Message, c.message) {
				t.Errorf("message %q", *got.Message)
			}
			p, _ := g.Payment("imp_1")
			equal(t, p.Status, sandbox.Paid)
		})
	}
}

func TestCancelRefusesUnpaidPayments(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, status := range []string{sandbox.Ready, sandbox.Failed} {
		g.Put(sandbox.Payment{ImpUID: "imp_1", Amount: "10", Status: status})
		g.expectCode(g.cancelPayment(`{"imp_uid":"imp_1"}`), 200, 1)
	}
}

func TestCancelRefusesNonsense(t *testing.T) {
	t.Parallel()
	g := newPaidGateway(t)
	for _, body := range []string{
		`{}`, `{"imp_uid":""}`, `{"imp_uid":"imp_1","amount":"x"}`, `{"imp_uid":"imp_1","amount":-1}`, `{"imp_uid":"imp_1","amount":0.00001}`,
		`{"imp_uid":"imp_1","checksum":"x"}`, `{"imp_uid":"imp_1","amount":1e400000000}`, `{"imp_uid":"imp_1","amount":99999999999999999999}`,
	} {
		g.expectCode(g.cancelPayment(body), 400, -1)
	}
}

func TestCancelByOrderTakesThePaidAttempt(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "order", Amount: "10", Status: sandbox.Failed})
	g.Put(sandbox.Payment{ImpUID: "imp_2", MerchantUID: "order", Amount: "10"})
	g.Put(sandbox.Payment{ImpUID: "imp_3", MerchantUID: "order", Amount: "10", Status: sandbox.Ready})
	equal(t, decodeResponse[sandbox.Payment](g, g.cancelPayment(`{"merchant_uid":"order"}`)).ImpUID, "imp_2")
}

func TestCancelOfNaverPayWantsAReason(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", Amount: "10", PayMethod: "naverpay"})
	g.expectCode(g.cancelPayment(`{"imp_uid":"imp_1"}`), 200, 1)
	g.expectCode(g.cancelPayment(`{"imp_uid":"imp_1","reason":"변심"}`), 200, 0)
}

func TestCancelByAPISendsNoWebhookUnlessAsked(t *testing.T) {
	t.Parallel()
	g := newPaidGateway(t)
	g.cancelPayment(`{"imp_uid":"imp_1","amount":1}`)
	equal(t, g.receivedWebhooks(), []webhook{})
	p := decodeResponse[sandbox.Payment](g, g.cancelPayment(`{"imp_uid":"imp_1","amount":2,"enable_webhook":true}`))
	equal(t, g.receivedWebhooks(), []webhook{{"application/json",
		`{"imp_uid":"imp_1","merchant_uid":"order","status":"cancelled","cancellation_id":"` + p.CancelHistory[1].CancellationID + `"}`}})
}

func TestCancelAtTheConsoleSendsAWebhook(t *testing.T) {
	t.Parallel()
	g := newPaidGateway(t)
	if err := g.Cancel("imp_1", sandbox.Won(1000)); err != nil {
		t.Fatal(err)
	}
	p, _ := g.Payment("imp_1")
	equal(t, p.CancelAmount, "1000")
	equal(t, len(g.receivedWebhooks()), 1)
	if err := g.Cancel("imp_9", ""); err == nil {
		t.Error("cancelled an unknown payment")
	}
}
