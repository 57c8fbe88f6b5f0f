package sandbox_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"pointcharge/internal/sandbox"
)

const plainOrder = `{"merchant_uid":"order","amount":5000,"name":"포인트","custom_data":{"a":1}}`

// answerCheckout presses a button of the window.
func (g *gateway) answerCheckout(window checkoutAnswer, decision string) outcome {
	g.t.Helper()
	got := g.call(http.MethodPost, "/checkout/"+window.Session+"/answer", decision)
	equal(g.t, got.status, 200)
	return decodeBody[outcome](g, got)
}

// payWith opens a window for plainOrder and presses a button. The results are the browser's
// outcome, the gateway's payment and the merchant's webhooks.
func payWith(t *testing.T, decision string) (outcome, sandbox.Payment, []webhook) {
	t.Helper()
	g := newGateway(t)
	ended := g.answerCheckout(g.openCheckout("overlay", plainOrder), decision)
	return ended, decodeResponse[sandbox.Payment](g, g.getWithToken("/payments/find/order")), g.receivedWebhooks()
}

func TestPay(t *testing.T) {
	t.Parallel()
	ended, p, notices := payWith(t, `{"action":"pay"}`)
	equal(t, p.Status, sandbox.Paid)
	equal(t, p.PaidAt, 1_763_795_000)
	equal(t, p.Sandbox, true)
	equal(t, *ended.Rsp, rsp{
		ImpUID: &p.ImpUID, MerchantUID: "order", Success: true, ImpSuccess: true, Status: "paid",
		PaidAmount: "5000", CustomData: json.RawMessage(`{"a":1}`),
	})
	equal(t, notices, []webhook{{"application/json", `{"imp_uid":"` + p.ImpUID + `","merchant_uid":"order","status":"paid"}`}})
}

func TestFailAndCloseSendNoWebhook(t *testing.T) {
	t.Parallel()
	for action, code := range map[string]string{"fail": "REJECT_CARD_PAYMENT", "close": "PAY_PROCESS_CANCELED"} {
		ended, p, notices := payWith(t, `{"action":"`+action+`"}`)
		equal(t, p.Status, sandbox.Failed)
		equal(t, p.FailedAt, 1_763_795_000)
		equal(t, *ended.Rsp.ErrorCode, code)
		equal(t, *ended.Rsp.ErrorMsg, string(p.FailReason))
		equal(t, *ended.Rsp.ImpUID, p.ImpUID)
		equal(t, ended.Rsp.Success, false)
		equal(t, notices, []webhook{})
	}
}

func TestPayAnotherAmount(t *testing.T) {
	t.Parallel()
	ended, p, _ := payWith(t, `{"action":"pay","amount":"100"}`)
	equal(t, p.Amount, "100")
	equal(t, ended.Rsp.PaidAmount, "100")
}

func TestPayWithAPromotionKeepsTheAmount(t *testing.T) {
	t.Parallel()
	ended, p, _ := payWith(t, `{"action":"pay","discount":"500"}`)
	equal(t, p.Amount, "5000")
	equal(t, ended.Rsp.PaidAmount, "5000")
	equal(t, p.Promotion.Discount, "500")
	equal(t, strings.HasPrefix(p.Promotion.ID, "promotion-id-"), true)
	equal(t, p.Status, sandbox.Paid)
}

func TestPayInAnotherCurrency(t *testing.T) {
	t.Parallel()
	_, p, _ := payWith(t, `{"action":"pay","currency":"USD"}`)
	equal(t, p.Currency, "USD")
	equal(t, p.Amount, "5000")
}

func TestPayAndLoseTheCallback(t *testing.T) {
	t.Parallel()
	ended, p, notices := payWith(t, `{"action":"pay_silently"}`)
	equal(t, ended, outcome{})
	equal(t, p.Status, sandbox.Paid)
	equal(t, len(notices), 1)
}

func TestPayAndLoseTheWebhook(t *testing.T) {
	t.Parallel()
	ended, p, notices := payWith(t, `{"action":"pay_untold"}`)
	equal(t, ended.Rsp.Success, true)
	equal(t, p.Status, sandbox.Paid)
	equal(t, len(notices), 0)
}

func TestPayWithTheWebhookTwice(t *testing.T) {
	t.Parallel()
	_, _, notices := payWith(t, `{"action":"pay_twice_told"}`)
	equal(t, len(notices), 2)
	equal(t, notices[0], notices[1])
}

func TestVirtualAccountIsIssuedAndStaysUnpaid(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	ended := g.answerCheckout(g.openCheckout("overlay", `{"merchant_uid":"order","amount":5000,"pay_method":"vbank"}`), `{"action":"pay"}`)
	p := decodeResponse[sandbox.Payment](g, g.getWithToken("/payments/find/order"))
	equal(t, p.Status, sandbox.Ready)
	equal(t, p.PaidAt, 0)
	equal(t, p.VbankIssuedAt, 1_763_795_000)
	equal(t, ended.Rsp.Success, true) // contract §4: success also means "issued"
	equal(t, ended.Rsp.Status, "ready")
	equal(t, g.receivedWebhooks(), []webhook{{"application/json", `{"imp_uid":"` + p.ImpUID + `","merchant_uid":"order","status":"ready"}`}})
}

func TestWindowEndsOnce(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	window := g.openCheckout("overlay", plainOrder)
	first := g.answerCheckout(window, `{"action":"pay"}`)
	equal(t, g.answerCheckout(window, `{"action":"fail"}`), first)
	equal(t, len(g.receivedWebhooks()), 1)
	equal(t, decodeResponse[sandbox.Payment](g, g.getWithToken("/payments/find/order")).Status, sandbox.Paid)
}

func TestSecondWindowOfAPaidOrderCannotPay(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	one, two := g.openCheckout("overlay", plainOrder), g.openCheckout("overlay", plainOrder)
	g.answerCheckout(one, `{"action":"pay"}`)
	late := g.answerCheckout(two, `{"action":"pay"}`)
	equal(t, *late.Rsp.ErrorCode, "F1002")
	equal(t, len(g.receivedWebhooks()), 1)
	equal(t, decodeResponse[listPage](g, g.getWithToken("/payments/findAll/order/paid")).Total, 1)
}

func TestAnswerOfARedirectGoesToTheRedirectAddress(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	window := g.openCheckout("redirect", `{"merchant_uid":"a&b","amount":1,"m_redirect_url":"http://shop.example:3000/back?x=1"}`)
	ended := g.answerCheckout(window, `{"action":"pay"}`)
	want := "http://shop.example:3000/back?imp_success=true&imp_uid=" + *ended.Rsp.ImpUID + "&merchant_uid=a%26b&x=1"
	equal(t, ended.Redirect, want)
}

func TestOverlayNeverRedirects(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	window := g.openCheckout("overlay", `{"merchant_uid":"order","amount":1,"m_redirect_url":"http://shop.example/back"}`)
	equal(t, g.answerCheckout(window, `{"action":"pay"}`).Redirect, "")
}

func TestNoticeURLReplacesTheConfiguredAddress(t *testing.T) {
	t.Parallel()
	paths := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { paths <- r.URL.Path }))
	defer other.Close()
	for _, c := range []struct {
		notice string
		want   int
	}{
		{`"` + other.URL + `/a"`, 1},
		{`["` + other.URL + `/a","` + other.URL + `/b","` + other.URL + `/a"]`, 2},
	} {
		g := newGateway(t)
		g.answerCheckout(g.openCheckout("overlay", `{"merchant_uid":"order","amount":1,"notice_url":`+c.notice+`}`), `{"action":"pay"}`)
		equal(t, len(g.receivedWebhooks()), 0)
		equal(t, len(paths), c.want)
		for len(paths) > 0 {
			<-paths
		}
	}
}

func TestAnswerRefusesNonsense(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	window := g.openCheckout("overlay", plainOrder)
	path := "/checkout/" + window.Session + "/answer"
	for _, body := range []string{
		`{}`, `{"action":"steal"}`, `{"action":"pay","amount":"-5"}`, `{"action":"pay","amount":1e300}`,
		`{"action":"pay","currency":"<b>"}]`, `{"action":"pay","discount":-1}`, `{"action":"pay","discount":"x"}`, `{"action":"pay","currency":"DOLLARS"}`, `[]`, ``,
	} {
		g.expectCode(g.call(http.MethodPost, path, body), 400, -1)
	}
	g.expectCode(g.call(http.MethodPost, path, encodeForm("action", "pay"), formType), 415, -1)
	g.expectCode(g.call(http.MethodPost, "/checkout/nothing/answer", `{"action":"pay"}`), 404, 1)
	equal(t, decodeResponse[sandbox.Payment](g, g.getWithToken("/payments/find/order")).Status, sandbox.Ready)
}

func TestRedirectKeepsTheAddressItWasGiven(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	const address = "https://user@shop.example/되돌아가기?next=%2Fa%3Fb#top"
	window := g.openCheckout("redirect", `{"merchant_uid":"order","amount":1,"m_redirect_url":"`+address+`"}`)
	u, err := url.Parse(g.answerCheckout(window, `{"action":"close"}`).Redirect)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, u.Path, "/되돌아가기")
	equal(t, u.Fragment, "top")
	equal(t, u.Query().Get("next"), "/a?b")
	equal(t, u.Query().Get("error_code"), "PAY_PROCESS_CANCELED")
}
