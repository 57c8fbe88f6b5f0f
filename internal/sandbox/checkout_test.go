package sandbox_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"pointcharge/internal/sandbox"
)

const shopOrigin = "Origin: https://shop.example"

// checkoutAnswer is the answer of POST /checkout: a session, or the reason for none.
type checkoutAnswer struct {
	Session string
	outcome
}

type outcome struct {
	Rsp      *rsp
	Redirect string
}

type rsp struct {
	ImpUID      *string         `json:"imp_uid"`
	MerchantUID string          `json:"merchant_uid"`
	ErrorCode   *string         `json:"error_code"`
	ErrorMsg    *string         `json:"error_msg"`
	Success     bool            `json:"success"`
	ImpSuccess  bool            `json:"imp_success"`
	Status      string          `json:"status"`
	PaidAmount  json.Number     `json:"paid_amount"`
	CustomData  json.RawMessage `json:"custom_data"`
}

func decodeBody[T any](g *gateway, a answer) T {
	g.t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.text), &v); err != nil {
		g.t.Fatalf("%d %s: %v", a.status, a.text, err)
	}
	return v
}

// openCheckout asks for a window as iamport.js does.
func (g *gateway) openCheckout(flow, params string, headers ...string) checkoutAnswer {
	g.t.Helper()
	body := `{"user_code":"imp00000000","flow":"` + flow + `","channel":"pc","params":` + params + `}`
	return decodeBody[checkoutAnswer](g, g.call(http.MethodPost, "/checkout", body, append([]string{shopOrigin}, headers...)...))
}

func (g *gateway) expectRefused(params, code string) {
	g.t.Helper()
	got := g.openCheckout("overlay", params)
	switch {
	case got.Session != "" || got.Rsp == nil || got.Rsp.ErrorCode == nil:
		g.t.Errorf("%s opened a window", params)
	case *got.Rsp.ErrorCode != code || got.Rsp.ImpUID != nil || got.Rsp.Success:
		g.t.Errorf("%s: refused with %s", params, *got.Rsp.ErrorCode)
	}
}

func TestOpeningAWindowMakesAnUnpaidTestPayment(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.openCheckout("overlay", `{"merchant_uid":"order","amount":5000,"name":"포인트","pg":"html5_inicis.INIpayTest",
		"buyer_name":"열여섯 글자보다 긴 구매자의 이름입니다","custom_data":{"a": [1]}}`, "User-Agent: 브라우저")
	p := decodeResponse[sandbox.Payment](g, g.getWithToken("/payments/find/order"))
	equal(t, p.Status, sandbox.Ready)
	equal(t, p.Sandbox, true)
	equal(t, p.PGProvider, "html5_inicis")
	equal(t, p.BuyerName, "열여섯 글자보다 긴 구매자의 ")
	equal(t, p.CustomData, `{"a":[1]}`)
	equal(t, p.UserAgent, "브라우저")
	equal(t, p.PaidAt, 0)
}

// TestACustomerUIDMakesAPaymentThatIssuesAKey adds customer_uid in the browser, as any page can.
func TestACustomerUIDMakesAPaymentThatIssuesAKey(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	window := g.openCheckout("overlay", `{"merchant_uid":"order","amount":1000000,"customer_uid":"card-1"}`)
	if page := g.call(http.MethodGet, "/checkout/"+window.Session, "").text; !strings.Contains(page, "빌링키 발급") {
		t.Error("the page does not say that it issues a key")
	}
	g.answerCheckout(window, `{"action":"pay"}`)
	p := decodeResponse[sandbox.Payment](g, g.getWithToken("/payments/find/order"))
	equal(t, []sandbox.Text{sandbox.Text(p.Status), p.CustomerUID, p.CustomerUIDUsage}, []sandbox.Text{"paid", "card-1", sandbox.UsageIssue})
	equal(t, p.Amount.String(), "1000000")
	g.expectRefused(`{"merchant_uid":"next","amount":1,"customer_uid":"`+strings.Repeat("9", 81)+`"}`, "SANDBOX_CUSTOMER_UID")
}

func TestWindowDoesNotOpenForBadParameters(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.expectRefused(`{"amount":1}`, "SANDBOX_MERCHANT_UID")
	g.expectRefused(`{"merchant_uid":"`+strings.Repeat("9", 41)+`","amount":1}`, "SANDBOX_MERCHANT_UID")
	for _, amount := range []string{`"1000"`, `0`, `-1`, `null`, `1e3`, `{}`} {
		g.expectRefused(`{"merchant_uid":"order","amount":`+amount+`}`, "SANDBOX_AMOUNT")
	}
	for _, address := range []string{`javascript:alert(1)`, `/return`, `data:text/html,x`, `file:///etc/passwd`, `http:`, `//shop`} {
		g.expectRefused(`{"merchant_uid":"order","amount":1,"m_redirect_url":"`+address+`"}`, "SANDBOX_REDIRECT_URL")
		g.expectRefused(`{"merchant_uid":"order","amount":1,"notice_url":["`+address+`"]}`, "SANDBOX_NOTICE_URL")
	}
}

func TestWindowDoesNotOpenForAPaidOrder(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{MerchantUID: "paid"})
	g.Put(sandbox.Payment{MerchantUID: "cancelled", Amount: "1", Status: sandbox.Cancelled})
	g.Put(sandbox.Payment{MerchantUID: "failed", Status: sandbox.Failed})
	g.expectRefused(`{"merchant_uid":"paid","amount":1}`, "F1002")
	g.expectRefused(`{"merchant_uid":"cancelled","amount":1}`, "F1002")
	if g.openCheckout("overlay", `{"merchant_uid":"failed","amount":1}`).Session == "" {
		t.Error("a failed order may be tried again")
	}
}

func TestWindowOpensForTheRegisteredAmountOnly(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.callWithToken(http.MethodPost, "/payments/prepare", `{"merchant_uid":"won","amount":5000,"currency":"KRW"}`)
	g.callWithToken(http.MethodPost, "/payments/prepare", `{"merchant_uid":"any","amount":5000}`)
	g.expectRefused(`{"merchant_uid":"won","amount":100}`, "SANDBOX_PREPARE")
	g.expectRefused(`{"merchant_uid":"won","amount":5000,"currency":"USD"}`, "SANDBOX_PREPARE")
	for _, params := range []string{
		`{"merchant_uid":"won","amount":5000.00}`, `{"merchant_uid":"any","amount":5000,"currency":"USD"}`,
	} {
		if g.openCheckout("overlay", params).Session == "" {
			t.Errorf("%s did not open", params)
		}
	}
}

func TestWindowOpensForTheMerchantsUserCodeOnly(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(c *sandbox.Config) { c.UserCode = "imp12345678" })
	g.expectRefused(`{"merchant_uid":"order","amount":1}`, "SANDBOX_USER_CODE")
}

func TestRefusalGoesToTheRedirectAddressInTheRedirectFlow(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{MerchantUID: "paid"})
	got := g.openCheckout("redirect", `{"merchant_uid":"paid","amount":1,"m_redirect_url":"https://shop.example/back?a=1#b"}`)
	equal(t, got.Redirect, "https://shop.example/back?a=1&error_code=F1002&error_msg="+
		"%EC%9D%B4%EB%AF%B8+%EA%B2%B0%EC%A0%9C%EA%B0%80+%EC%9D%B4%EB%A3%A8%EC%96%B4%EC%A7%84+%EA%B1%B0%EB%9E%98%EA%B1%B4%EC%9E%85%EB%8B%88%EB%8B%A4."+
		"&imp_success=false&imp_uid=&merchant_uid=paid#b")
}

func TestOnlyTheShopMayFrameTheCheckout(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, c := range []struct{ flow, origin, ancestors string }{
		{"overlay", "https://shop.example", "https://shop.example"},
		{"overlay", "http://127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"redirect", "https://shop.example", "'none'"},
		{"overlay", "https://shop.example; script-src *", "'none'"},
		{"overlay", "https://*", "'none'"},
		{"overlay", "chrome-extension://abc", "'none'"},
	} {
		got := g.openCheckout(c.flow, `{"merchant_uid":"order","amount":1}`, "Origin: "+c.origin)
		policy := g.call(http.MethodGet, "/checkout/"+got.Session, "").header.Get("Content-Security-Policy")
		equal(t, policy, "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors "+c.ancestors)
	}
}

func TestFilePagesCannotOpenAnOverlay(t *testing.T) {
	t.Parallel()
	got := newGateway(t).openCheckout("overlay", `{"merchant_uid":"order","amount":1}`, "Origin: null")
	equal(t, *got.Rsp.ErrorCode, "SANDBOX_ORIGIN")
}

func TestCheckoutPageShowsTheOrderAndEscapesIt(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	window := g.openCheckout("overlay", `{"merchant_uid":"order","amount":1234567.5,"currency":"USD","name":"<script>alert(1)</script>"}`)
	page := g.call(http.MethodGet, "/checkout/"+window.Session, "")
	equal(t, page.status, 200)
	for _, want := range []string{"1,234,567.5", "&lt;script&gt;", `data-shop="https://shop.example"`, `value="pay_untold"`} {
		if !strings.Contains(page.text, want) {
			t.Errorf("no %s on the page", want)
		}
	}
	if strings.Contains(page.text, "<script>") || strings.Contains(page.text, "style=") {
		t.Error("something inline that the policy forbids")
	}
}

func TestUnknownCheckoutIsAPageThatSaysSo(t *testing.T) {
	t.Parallel()
	page := newGateway(t).call(http.MethodGet, "/checkout/nothing", "")
	equal(t, page.status, 404)
	equal(t, page.header.Get("Content-Type"), "text/html; charset=utf-8")
}

func TestCheckoutOpensForShopsOfOtherOrigins(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	preflight := g.call(http.MethodOptions, "/checkout", "", shopOrigin)
	equal(t, preflight.status, 204)
	equal(t, preflight.header.Get("Access-Control-Allow-Origin"), "*")
	equal(t, preflight.header.Get("Access-Control-Allow-Headers"), "Content-Type")
	equal(t, g.call(http.MethodPost, "/checkout", `{}`, shopOrigin).header.Get("Access-Control-Allow-Origin"), "*")
}

func TestAssetsAreServed(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for path, kind := range map[string]string{
		"/iamport.js": "text/javascript; charset=utf-8", "/assets/checkout.js": "text/javascript; charset=utf-8", "/assets/checkout.css": "text/css; charset=utf-8",
	} {
		got := g.call(http.MethodGet, path, "")
		equal(t, got.status, 200)
		equal(t, got.header.Get("Content-Type"), kind)
	}
	for _, path := range []string{"/assets/checkout.html", "/assets/..%2fpages%2fgone.html", "/assets/%2e"} {
		if got := g.call(http.MethodGet, path, ""); got.status == 200 && strings.Contains(got.text, "<html") {
			t.Errorf("%s is served", path)
		}
	}
}
