package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

func TestF31TheWebhookAloneCredits(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *testServer) {
		merchantUID := w.order("minji")
		body := notice(w.pay(merchantUID), merchantUID, "paid")
		for range 3 {
			w.wantStatus(w.webhook(jsonType, body), http.StatusOK)
			w.wantBalance("minji", 5000)
		}
	})
}

func TestTheWebhooksPathMayEndWithASlash(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID := w.order("minji")
	body := notice(w.pay(merchantUID), merchantUID, "paid")
	w.wantStatus(w.do(w.request(http.MethodPost, "/webhooks/iamport/", jsonType, body)), http.StatusOK)
	w.wantBalance("minji", 5000)
	w.wantStatus(w.do(w.request(http.MethodGet, "/webhooks/iamport/", "", "")), http.StatusMethodNotAllowed)
}

func TestF37BothContentTypesAreRead(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{jsonType, formType, "application/json; charset=utf-8", "Application/X-WWW-Form-Urlencoded;charset=UTF-8"} {
		t.Run(contentType, func(t *testing.T) {
			t.Parallel()
			w := newTestServer(t)
			merchantUID := w.order("minji")
			impUID := w.pay(merchantUID)
			body := notice(impUID, merchantUID, "paid")
			if strings.Contains(strings.ToLower(contentType), "form") {
				body = url.Values{"imp_uid": {impUID}, "merchant_uid": {merchantUID}, "status": {"paid"}}.Encode()
			}
			w.wantStatus(w.webhook(contentType, body), http.StatusOK)
			w.wantBalance("minji", 5000)
		})
	}
}

func TestF8OnlyTheDepositOfAVirtualAccountCredits(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *testServer) {
		merchantUID := w.order("minji")
		impUID := w.pay(merchantUID, status(sandbox.Ready), func(p *sandbox.Payment) { p.PayMethod, p.VbankNum = "vbank", "110" })
		w.wantStatus(w.webhook(jsonType, notice(impUID, merchantUID, "ready")), http.StatusOK)
		w.wantStatus(w.webhook(jsonType, notice(impUID, merchantUID, "paid")), http.StatusOK) // a false claim
		w.wantBalance("minji", 0)
		w.must(w.gateway.Pay(impUID))
		for range 2 {
			w.wantStatus(w.webhook(jsonType, notice(impUID, merchantUID, "paid")), http.StatusOK)
		}
		w.wantBalance("minji", 5000)
	})
}

// TestF10TheGatewayNamesTheOrder names junho's order in a notice about minji's payment.
func TestF10TheGatewayNamesTheOrder(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *testServer) {
		minjis, junhos := w.order("minji"), w.order("junho")
		w.wantStatus(w.webhook(jsonType, notice(w.pay(minjis), junhos, "paid")), http.StatusOK)
		w.wantBalance("junho", 0)
		w.wantBalance("minji", 5000)
	})
}

func TestF11AForgedNoticeForAnUnpaidPaymentGivesNothing(t *testing.T) {
	t.Parallel()
	for _, s := range []string{sandbox.Ready, sandbox.Failed, sandbox.Cancelled} {
		t.Run(s, func(t *testing.T) {
			t.Parallel()
			w := newTestServer(t)
			merchantUID := w.order("minji")
			forged := notice(w.pay(merchantUID, status(s)), merchantUID, "paid")
			w.wantStatus(w.webhook(jsonType, strings.TrimSuffix(forged, "}")+`,"amount":5000,"success":true}`), http.StatusOK)
			w.wantBalance("minji", 0)
		})
	}
}

func TestF11AForgedPaymentGivesNothing(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID := w.order("minji")
	w.wantStatus(w.webhook(jsonType, notice("imp_invented", merchantUID, "paid")), http.StatusServiceUnavailable)
	w.wantBalance("minji", 0)
}

// TestF12EveryAddressIsAcceptedAndNoneIsTrusted: by default every sender is allowed, because
// Iamport's addresses change. The payment is looked up whatever the sender's address.
func TestF12EveryAddressIsAcceptedAndNoneIsTrusted(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	paid, unpaid := w.order("minji"), w.order("junho")
	w.wantStatus(w.webhook(jsonType, notice(w.pay(paid), paid, "paid")), http.StatusOK) // from 127.0.0.1
	w.wantStatus(w.webhook(jsonType, notice(w.pay(unpaid, status(sandbox.Failed)), unpaid, "paid")), http.StatusOK)
	w.wantLookups(2)
	w.wantBalance("minji", 5000)
	w.wantBalance("junho", 0)
}

func TestF13AForgedForwardedAddressChangesNothing(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID := w.order("minji")
	impUID := w.pay(merchantUID, status(sandbox.Ready))
	for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "Cf-Connecting-Ip"} {
		request := w.request(http.MethodPost, "/webhooks/iamport", jsonType, notice(impUID, merchantUID, "paid"))
		request.Header.Set(name, "52.78.100.19") // one of Iamport's
		w.wantStatus(w.do(request), http.StatusOK)
	}
	w.wantLookups(4)
	w.wantBalance("minji", 0)
}

func TestF14AResendHelpsWhenTheGatewayWasDown(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *testServer) {
		merchantUID := w.order("minji")
		body := notice(w.pay(merchantUID), merchantUID, "paid")
		w.gateway.answerWith(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		w.wantStatus(w.webhook(jsonType, body), http.StatusServiceUnavailable)
		w.wantBalance("minji", 0)
		w.gateway.answer.Store(nil)
		w.wantStatus(w.webhook(jsonType, body), http.StatusOK)
		w.wantBalance("minji", 5000)
	})
}

func TestF14AResendHelpsWhenTheDatabaseWasDown(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{databasetest.SQLite, databasetest.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			address := databasetest.URL(t, dialect)
			w := newTestServerOn(t, databasetest.Open(t, address))
			merchantUID := w.order("minji")
			body := notice(w.pay(merchantUID), merchantUID, "paid")
			working := w.url
			w.url = w.serveClosed(address)
			w.wantStatus(w.webhook(jsonType, body), http.StatusServiceUnavailable)
			w.wantStatus(w.do(w.request(http.MethodGet, "/readyz", "", "")), http.StatusServiceUnavailable)
			w.wantStatus(w.do(w.request(http.MethodGet, "/healthz", "", "")), http.StatusOK)
			w.url = working
			w.wantStatus(w.webhook(jsonType, body), http.StatusOK)
			w.wantBalance("minji", 5000)
		})
	}
}

// serveClosed starts the routes on a closed database.
func (w *testServer) serveClosed(address string) string {
	w.Helper()
	db := databasetest.Open(w.T, address)
	if pools, ok := db.ConnPool.(interface{ Close() error }); ok {
		w.must(pools.Close())
	}
	return w.serve(domaintest.NewServices(db, w.points.Gateway), "https://shop.example")
}

func TestReadyAndHealthy(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *testServer) {
		w.wantStatus(w.do(w.request(http.MethodGet, "/readyz", "", "")), http.StatusOK)
		w.wantStatus(w.do(w.request(http.MethodGet, "/healthz", "", "")), http.StatusOK)
	})
}

func TestF36SpecialEventsChangeNothing(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID := w.order("minji")
	impUID := w.pay(merchantUID)
	for _, state := range []string{"2", "3", "4", "8", "10"} {
		body := `{"event":"Inicis.Escrow.Changed","imp_uid":"` + impUID + `","merchant_uid":"` + merchantUID +
			`","status":"paid","extra":{"escrow_status":"` + state + `","changed_at":112312323,"denied_reason":"…"}}`
		w.wantStatus(w.webhook(jsonType, body), http.StatusOK)
	}
	form := url.Values{"event": {"Inicis.Escrow.Changed"}, "imp_uid": {impUID}, "merchant_uid": {merchantUID}, "status": {"paid"}}
	w.wantStatus(w.webhook(formType, form.Encode()), http.StatusOK)
	w.wantLookups(0)
	w.wantBalance("minji", 0)
}

func TestF36TheConsolesTestCallIsAcceptedAndChangesNothing(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	w.wantStatus(w.webhook(jsonType, notice("imp_1234567890", "merchant_1234567890", "paid")), http.StatusOK)
	w.wantBalance("minji", 0)
}

// TestAWebhookBeforeThePaymentAsksForAResend: the webhook can be faster than Iamport's own
// database. It is sent once, so the answer must ask for a resend.
func TestAWebhookBeforeThePaymentAsksForAResend(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID := w.order("minji")
	body := notice("imp_1234567890", merchantUID, "paid")
	w.wantStatus(w.webhook(jsonType, body), http.StatusServiceUnavailable)
	w.pay(merchantUID, func(p *sandbox.Payment) { p.ImpUID = "imp_1234567890" })
	w.wantStatus(w.webhook(jsonType, body), http.StatusOK)
	w.wantBalance("minji", 5000)
}

func TestAnotherShopsOrderNumbersAreIgnored(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	w.wantStatus(w.webhook(jsonType, notice("imp_1234567890", "주문 2026/1", "paid")), http.StatusOK)
	w.wantLookups(0)
}

func TestANoticeOfAnUnknownOrderAsksTheGatewayNothing(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	impUID := w.pay("not-ours")
	for range 3 {
		w.wantStatus(w.webhook(jsonType, notice(impUID, "not-ours", "paid")), http.StatusOK)
	}
	if asked := w.gateway.Requests(); len(asked) != 0 {
		t.Errorf("the gateway was asked %v", asked)
	}
}

func TestF38OnlyWellFormedNoticesOfModestSizeAreRead(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID := w.order("minji")
	good := notice(w.pay(merchantUID), merchantUID, "paid")
	padding := strings.Repeat("x", 64<<10)
	for name, test := range map[string]struct {
		method, contentType, body string
		want                      int
	}{
		"GET":               {http.MethodGet, jsonType, "", http.StatusMethodNotAllowed},
		"PUT":               {http.MethodPut, jsonType, good, http.StatusMethodNotAllowed},
		"huge JSON":         {http.MethodPost, jsonType, `{"x":"` + padding + `",` + good[1:], http.StatusRequestEntityTooLarge},
		"huge form":         {http.MethodPost, formType, "imp_uid=imp_1&merchant_uid=m&x=" + padding, http.StatusRequestEntityTooLarge},
		"text":              {http.MethodPost, "text/plain", good, http.StatusBadRequest},
		"multipart":         {http.MethodPost, "multipart/form-data; boundary=x", good, http.StatusBadRequest},
		"no type":           {http.MethodPost, "", good, http.StatusBadRequest},
		"broken type":       {http.MethodPost, "application/json; =", good, http.StatusBadRequest},
		"malformed JSON":    {http.MethodPost, jsonType, good[:len(good)-2], http.StatusBadRequest},
		"empty JSON":        {http.MethodPost, jsonType, "", http.StatusBadRequest},
		"JSON of another":   {http.MethodPost, jsonType, `["imp_1"]`, http.StatusBadRequest},
		"numbers as ids":    {http.MethodPost, jsonType, `{"imp_uid":1,"merchant_uid":2}`, http.StatusBadRequest},
		"malformed form":    {http.MethodPost, formType, "imp_uid=%zz", http.StatusBadRequest},
		"JSON as form":      {http.MethodPost, formType, good, http.StatusBadRequest},
		"no imp_uid":        {http.MethodPost, jsonType, notice("", merchantUID, "paid"), http.StatusBadRequest},
		"no merchant_uid":   {http.MethodPost, jsonType, notice("imp_1", "", "paid"), http.StatusBadRequest},
		"path in imp_uid":   {http.MethodPost, jsonType, notice("find/imp_1", merchantUID, "paid"), http.StatusBadRequest},
		"query in imp_uid":  {http.MethodPost, jsonType, notice("imp_1?x=1", merchantUID, "paid"), http.StatusBadRequest},
		"NUL in an id":      {http.MethodPost, jsonType, notice("imp_1", `m\u0000`, "paid"), http.StatusBadRequest},
		"long id":           {http.MethodPost, jsonType, notice(strings.Repeat("i", 65), merchantUID, "paid"), http.StatusBadRequest},
		"ids in the query":  {http.MethodPost, formType, "status=paid", http.StatusBadRequest},
		"another path":      {http.MethodPost, jsonType, good, http.StatusNotFound},
		"a path below ours": {http.MethodPost, jsonType, good, http.StatusNotFound},
	} {
		path := map[string]string{"another path": "/webhooks", "a path below ours": "/webhooks/iamport/x",
			"ids in the query": "/webhooks/iamport?imp_uid=imp_1&merchant_uid=" + merchantUID}[name]
		if path == "" {
			path = "/webhooks/iamport"
		}
		if a := w.do(w.request(test.method, path, test.contentType, test.body)); a.status != test.want {
			t.Errorf("%s: status %d, want %d", name, a.status, test.want)
		}
	}
	w.wantLookups(0)
	w.wantBalance("minji", 0)
}
