package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"pointcharge/internal/sandbox"
)

func TestSandboxPaymentIsPaidAndATestPayment(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	got := g.call(http.MethodPost, "/sandbox-payments", `{"merchant_uid":"order","amount":5000}`)
	g.expectCode(got, 200, 0)
	p := decodeResponse[sandbox.Payment](g, got)
	equal(t, []any{p.Status, p.Sandbox, p.Currency, p.PayMethod}, []any{"paid", true, "KRW", sandbox.Text("card")})
	equal(t, g.receivedWebhooks(), []webhook{})
}

func TestSandboxPaymentTakesEveryFieldOfAPayment(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	p := decodeResponse[sandbox.Payment](g, g.call(http.MethodPost, "/sandbox-payments",
		`{"imp_uid":"imp_7","merchant_uid":"order","amount":12.50,"currency":"USD","status":"failed","sandbox":false,"pay_method":"paypal","fail_reason":"x"}`))
	equal(t, []any{p.ImpUID, p.Amount.String(), p.Currency, p.Status, p.Sandbox, p.PayMethod, p.FailReason},
		[]any{"imp_7", "12.50", "USD", "failed", false, sandbox.Text("paypal"), sandbox.Text("x")})
}

func TestSandboxPaymentSendsAWebhookOnRequest(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.call(http.MethodPost, "/sandbox-payments", `{"imp_uid":"imp_1","merchant_uid":"order","amount":1,"status":"ready","webhook":true}`)
	equal(t, len(g.receivedWebhooks()), 1)
	g.call(http.MethodPost, "/sandbox-payments", `{"imp_uid":"imp_1","merchant_uid":"order","amount":1,"webhook":true}`)
	equal(t, g.receivedWebhooks()[0].Body, `{"imp_uid":"imp_1","merchant_uid":"order","status":"paid"}`)
}

func TestSandboxPaymentHasACustomerUIDAndItsUsage(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, usage := range []string{"issue", "payment", "payment.scheduled"} {
		g.call(http.MethodPost, "/sandbox-payments",
			`{"imp_uid":"imp_1","merchant_uid":"order","amount":1,"sandbox":false,"customer_uid":"card-1","customer_uid_usage":"`+usage+`"}`)
		text := g.getWithToken("/payments/imp_1").text
		if !strings.Contains(text, `"customer_uid":"card-1","customer_uid_usage":"`+usage+`"`) {
			t.Error(text)
		}
	}
	for _, fields := range []string{
		`"customer_uid_usage":"issue"`, `"customer_uid":"card-1","customer_uid_usage":"other"`, `"customer_uid":"` + strings.Repeat("9", 81) + `"`,
	} {
		g.expectCode(g.call(http.MethodPost, "/sandbox-payments", `{"merchant_uid":"order","amount":1,`+fields+`}`), 400, -1)
	}
}

func TestSandboxPaymentHasAPromotion(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	const promotion = `"promotion":{"id":"promotion-id-1","discount":500}`
	g.call(http.MethodPost, "/sandbox-payments", `{"imp_uid":"imp_1","merchant_uid":"order","amount":5000,"sandbox":false,`+promotion+`}`)
	if text := g.getWithToken("/payments/imp_1").text; !strings.Contains(text, `"amount":5000,`) || !strings.Contains(text, promotion) {
		t.Error(text)
	}
	g.expectCode(g.call(http.MethodPost, "/sandbox-payments", `{"merchant_uid":"order","amount":1,"promotion":{"discount":-1}}`), 400, -1)
}

// TestPaymentsMayBeLarge reads a payment of several megabytes, as a browser can make one at
// Iamport.
func TestPaymentsMayBeLarge(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	const size = 5 << 20
	g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "put", CustomData: sandbox.Text(strings.Repeat("가", size/3))})
	equal(t, len(decodeResponse[sandbox.Payment](g, g.getWithToken("/payments/imp_1")).CustomData), size/3*3)
	body := `{"imp_uid":"imp_2","merchant_uid":"order","amount":1,"sandbox":false,"custom_data_bytes":%d}`
	g.expectCode(g.call(http.MethodPost, "/sandbox-payments", fmt.Sprintf(body, size)), 200, 0)
	data := decodeResponse[sandbox.Payment](g, g.getWithToken("/payments/find/order")).CustomData
	equal(t, len(data), size)
	equal(t, json.Valid([]byte(data)), true)
	g.expectCode(g.call(http.MethodPost, "/sandbox-payments", fmt.Sprintf(body, 16<<20+1)), 400, -1)
}

func TestSandboxPaymentRefusesNonsense(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, body := range []string{
		`{}`, `{"merchant_uid":"order"}`, `{"amount":1}`, `{"merchant_uid":"order","amount":-1}`, `{"merchant_uid":"order","amount":1,"status":"all"}`,
		`{"merchant_uid":"order","amount":1,"status":"canceled"}`, `{"merchant_uid":"order","amount":"x"}`, `{`,
		`{"merchant_uid":"order","amount":1,"imp_uid":"` + strings.Repeat("9", 33) + `"}`,
	} {
		g.expectCode(g.call(http.MethodPost, "/sandbox-payments", body), 400, -1)
	}
	g.expectCode(g.call(http.MethodPost, "/sandbox-payments", `{"merchant_uid":"order","amount":1}`, "Content-Type: text/plain"), 415, -1)
}

func TestPayPaysAVirtualAccountAndSendsAWebhook(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "order", PayMethod: "vbank", Status: sandbox.Ready, Name: "포인트"})
	paid := g.call(http.MethodPost, "/sandbox-payments/imp_1/pay", "")
	g.expectCode(paid, 200, 0)
	p := decodeResponse[sandbox.Payment](g, paid)
	equal(t, []any{p.Status, p.PaidAt, p.Name}, []any{"paid", int64(1_763_795_000), sandbox.Text("포인트")})
	equal(t, g.receivedWebhooks()[0].Body, `{"imp_uid":"imp_1","merchant_uid":"order","status":"paid"}`)
}

func TestFailedPaymentMayStillBecomePaid(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", Status: sandbox.Failed, FailReason: "대기"})
	if err := g.Pay("imp_1"); err != nil {
		t.Fatal(err)
	}
	p, _ := g.Payment("imp_1")
	equal(t, []any{p.Status, p.FailedAt, p.FailReason}, []any{"paid", int64(0), sandbox.Text("")})
}

func TestPayRefusesPaidAndUnknownPayments(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1"})
	g.expectCode(g.call(http.MethodPost, "/sandbox-payments/imp_1/pay", ""), 409, 1)
	g.expectCode(g.call(http.MethodPost, "/sandbox-payments/imp_9/pay", ""), 404, 1)
	equal(t, g.receivedWebhooks(), []webhook{})
}
