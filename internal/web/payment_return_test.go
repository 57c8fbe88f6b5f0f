package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pointcharge/internal/sandbox"
)

// followReturn opens the address that Iamport sends a phone's browser to, and returns where the
// browser is redirected.
func (w *testServer) followReturn(query string) *url.URL {
	w.Helper()
	a := w.do(w.request(http.MethodGet, "/payments/return?"+query, "", ""))
	w.wantStatus(a, http.StatusSeeOther)
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		w.Errorf("Cache-Control is %q", got)
	}
	target, err := url.Parse(a.header.Get("Location"))
	w.must(err)
	return target
}

func (w *testServer) wantReturn(query, want string) {
	w.Helper()
	if got := w.followReturn(query).String(); got != want {
		w.Errorf("%s redirects to %s, want %s", query, got, want)
	}
}

func returnQuery(impUID, merchantUID string) string {
	return url.Values{"imp_uid": {impUID}, "merchant_uid": {merchantUID}}.Encode()
}

func TestPaymentReturnSyncsAndReturnsTheStatus(t *testing.T) {
	t.Parallel()
	usd := func(p *sandbox.Payment) { p.Currency = "USD" }
	for name, test := range map[string]struct {
		edit    func(*sandbox.Payment)
		want    string
		again   bool // the front end is told impUid
		balance int64
	}{
		"paid":           {status(sandbox.Paid), "paid", false, 5000},
		"ready":          {status(sandbox.Ready), "ready", true, 0},
		"failed":         {status(sandbox.Failed), "failed", false, 0},
		"cancelled":      {status(sandbox.Cancelled), "cancelled", false, 0},
		"other currency": {usd, "mismatch", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestServer(t)
			merchantUID := w.order("minji")
			impUID := w.pay(merchantUID, test.edit)
			want := "merchantUid=" + merchantUID + "&status=" + test.want
			if test.again {
				want = "impUid=" + impUID + "&" + want
			}
			w.wantReturn(returnQuery(impUID, merchantUID)+"&imp_success=true&status=paid", "https://shop.example/wallet?"+want)
			w.wantBalance("minji", test.balance)
		})
	}
}

func TestPaymentReturnWithoutAPaymentHasFailed(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID := w.order("minji")
	for _, query := range []string{"merchant_uid=" + merchantUID, "imp_uid=&merchant_uid=" + merchantUID} {
		w.wantReturn(query+"&error_code=F1002", "https://shop.example/wallet?merchantUid="+merchantUID+"&reason=ALREADY_PAID&status=failed")
	}
}

// TestPaymentReturnTellsTheReasonInAClosedListOfWords: the provider's text is for the log.
func TestPaymentReturnTellsTheReasonInAClosedListOfWords(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID := w.order("minji")
	failed := w.pay(merchantUID, status(sandbox.Failed))
	for text, want := range map[string]string{
		"[한도초과] 카드사에 문의하세요":          "LIMIT_EXCEEDED",
		"사용자가 결제를 취소하셨습니다":           "USER_CANCELLED",
		"<script>evil</script>\r\n2": "OTHER",
	} {
		query := returnQuery(failed, merchantUID) + "&" + url.Values{"imp_success": {"false"}, "error_msg": {text}}.Encode()
		w.wantReturn(query, "https://shop.example/wallet?merchantUid="+merchantUID+"&reason="+want+"&status=failed")
	}
	paid := w.pay(w.order("junho"))
	w.wantReturn(returnQuery(paid, "x")+"&error_msg=evil", "https://shop.example/wallet?impUid="+paid+"&merchantUid=x&status=unknown")
}

func TestPaymentReturnAnswersUnknownForForeignIDs(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	w.wantReturn("", "https://shop.example/wallet?status=unknown")
	w.wantReturn("imp_uid=imp_1", "https://shop.example/wallet?status=unknown")
	w.wantReturn(returnQuery("imp_1", "https://evil.example"), "https://shop.example/wallet?status=unknown")
	w.wantReturn(returnQuery("imp_1", "not-ours"), "https://shop.example/wallet?impUid=imp_1&merchantUid=not-ours&status=unknown")
	if asked := w.gateway.Requests(); len(asked) != 0 {
		t.Errorf("the gateway was asked %v", asked)
	}
	merchantUID := w.order("minji")
	w.wantReturn(returnQuery("imp_unknown", merchantUID), "https://shop.example/wallet?impUid=imp_unknown&merchantUid="+merchantUID+"&status=unknown")
	w.wantReturn(returnQuery("imp_1?x=1", merchantUID), "https://shop.example/wallet?merchantUid="+merchantUID+"&status=failed")
}

func TestPaymentReturnSaysThatTheGatewayIsUnavailable(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID := w.order("minji")
	w.gateway.answerWith(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	impUID := w.pay(merchantUID)
	query := returnQuery(impUID, merchantUID)
	w.wantReturn(query, "https://shop.example/wallet?impUid="+impUID+"&merchantUid="+merchantUID+"&status=unavailable")
	w.gateway.answer.Store(nil)
	w.wantReturn(query, "https://shop.example/wallet?merchantUid="+merchantUID+"&status=paid")
	w.wantBalance("minji", 5000)
}

func TestPaymentReturnRedirectsToTheFrontEndOnly(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID := w.order("minji")
	good := returnQuery(w.pay(merchantUID), merchantUID)
	const evil = "https%3A%2F%2Fevil.example%2F"
	for _, extra := range []string{"redirect=" + evil, "redirect_uri=" + evil, "m_redirect_url=" + evil, "next=" + evil, "url=" + evil,
		"return_url=" + evil, "status=" + evil, "merchantUid=" + evil, "imp_uid=" + evil, "merchant_uid=" + evil, "error_msg=" + evil} {
		for _, query := range []string{good + "&" + extra, extra + "&" + good, extra} {
			if to := w.followReturn(query).String(); !strings.HasPrefix(to, "https://shop.example/wallet?") || strings.Contains(to, "evil") {
				t.Errorf("%s redirects to %s", query, to)
			}
		}
	}
	request := w.request(http.MethodGet, "/payments/return?"+good, "", "")
	request.Host = "evil.example"
	request.Header.Set("X-Forwarded-Host", "evil.example")
	if to := w.do(request).header.Get("Location"); strings.Contains(to, "evil") {
		t.Errorf("another host redirects to %s", to)
	}
}

// TestPaymentReturnSaysNothingAboutAnotherOrdersPayment mixes the ids of two orders.
func TestPaymentReturnSaysNothingAboutAnotherOrdersPayment(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *testServer) {
		minjis, junhos := w.order("minji"), w.order("junho")
		for _, edit := range []func(*sandbox.Payment){status(sandbox.Paid), status(sandbox.Failed), status(sandbox.Ready)} {
			impUID := w.pay(minjis, edit)
			w.wantReturn(returnQuery(impUID, junhos), "https://shop.example/wallet?impUid="+impUID+"&merchantUid="+junhos+"&status=unknown")
		}
		w.wantBalance("junho", 0)
	})
}

func TestTheFrontEndsOwnPathAndQueryAreKept(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID := w.order("minji")
	w.url = w.serve(w.points, "https://shop.example/ko/wallet?lang=ko&status=x&merchantUid=y&reason=z&impUid=i")
	w.wantReturn(returnQuery(w.pay(merchantUID), merchantUID), "https://shop.example/ko/wallet?lang=ko&merchantUid="+merchantUID+"&status=paid")
	w.wantReturn("", "https://shop.example/ko/wallet?lang=ko&status=unknown")
}

func TestThePaymentReturnsPathMayEndWithASlash(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID := w.order("minji")
	a := w.do(w.request(http.MethodGet, "/payments/return/?"+returnQuery(w.pay(merchantUID), merchantUID), "", ""))
	w.wantStatus(a, http.StatusSeeOther)
	want := "https://shop.example/wallet?merchantUid=" + merchantUID + "&status=paid"
	if got := a.header.Get("Location"); got != want {
		t.Errorf("the browser is sent to %s, want %s", got, want)
	}
	w.wantBalance("minji", 5000)
	w.wantStatus(w.do(w.request(http.MethodGet, "/payments/return/x", "", "")), http.StatusNotFound)
}

func TestPaymentReturnAcceptsGETOnly(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		w.wantStatus(w.do(w.request(method, "/payments/return", formType, "imp_uid=imp_1&merchant_uid=m")), http.StatusMethodNotAllowed)
	}
}
