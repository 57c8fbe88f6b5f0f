package sandbox_test

import (
	"net/http"
	"testing"
)

func TestPreparationIsRegisteredOnce(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	first := g.callWithToken(http.MethodPost, "/payments/prepare", `{"merchant_uid":"order","amount":5000,"currency":"KRW"}`)
	g.expectCode(first, 200, 0)
	equal(t, string(first.Response), `{"merchant_uid":"order","amount":5000,"currency":"KRW"}`)
	g.expectCode(g.callWithToken(http.MethodPost, "/payments/prepare", `{"merchant_uid":"order","amount":1}`), 200, 1)
	equal(t, string(g.getWithToken("/payments/prepare/order").Response), string(first.Response))
}

func TestPreparationIsReplacedByPut(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.expectCode(g.callWithToken(http.MethodPut, "/payments/prepare", `{"merchant_uid":"order","amount":1}`), 404, 1)
	g.callWithToken(http.MethodPost, "/payments/prepare", `{"merchant_uid":"order","amount":1}`)
	g.expectCode(g.callWithToken(http.MethodPut, "/payments/prepare", encodeForm("merchant_uid", "order", "amount", "12.5"), formType), 200, 0)
	equal(t, string(g.getWithToken("/payments/prepare/order").Response), `{"merchant_uid":"order","amount":12.5,"currency":null}`)
	g.expectCode(g.getWithToken("/payments/prepare/other"), 404, 1)
}

func TestPreparationRefusesNonsense(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, body := range []string{
		`{}`, `{"merchant_uid":"order"}`, `{"amount":1}`, `{"merchant_uid":"order","amount":"much"}`, `{"merchant_uid":"order","amount":-1}`,
		`{"merchant_uid":"12345678901234567890123456789012345678901","amount":1}`, `{"merchant_uid":"order","amount":1e9}`, `[]`, `{`, ``, `null`,
	} {
		g.expectCode(g.callWithToken(http.MethodPost, "/payments/prepare", body), 400, -1)
	}
}
