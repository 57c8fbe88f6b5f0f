package web_test

import (
	"net/http"
	"net/netip"
	"testing"

	"pointcharge/internal/middleware"
	"pointcharge/internal/web"
)

// startBehind starts routes behind proxies that accept webhooks from one of Iamport's addresses
// only.
func (w *testServer) startBehind(proxies middleware.Proxies) {
	w.Helper()
	iamport := netip.MustParsePrefix("52.78.100.19/32")
	routes := w.routes(w.points, "https://shop.example", func(c *web.Config) { c.WebhookSenders = []netip.Prefix{iamport} })
	w.url = w.start(proxies.Identify(routes))
}

func (w *testServer) webhookFrom(body string, forwarded ...string) answer {
	w.Helper()
	request := w.request(http.MethodPost, "/webhooks/iamport", jsonType, body)
	request.Header["X-Forwarded-For"] = forwarded
	return w.do(request)
}

func TestF13WebhookSendersIgnoreForgedAddresses(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID := w.order("minji")
	body := notice(w.pay(merchantUID), merchantUID, "paid")
	const iamport, stranger = "52.78.100.19", "203.0.113.5"
	for name, test := range map[string]struct {
		proxies   middleware.Proxies
		forwarded []string
	}{
		"directly":                    {nil, nil},
		"directly, forged":            {nil, []string{iamport}},
		"through a proxy":             {trustLoopback(), []string{stranger}},
		"through a proxy, forged":     {trustLoopback(), []string{iamport + ", " + stranger}},
		"through a proxy, two lines":  {trustLoopback(), []string{iamport, stranger}},
		"through a proxy, hidden":     {trustLoopback(), []string{iamport + ", unknown"}},
		"from the proxy itself":       {trustLoopback(), nil},
		"a near miss of an allowance": {trustLoopback(), []string{"52.78.100.20"}},
	} {
		w.startBehind(test.proxies)
		if a := w.webhookFrom(body, test.forwarded...); a.status != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	w.wantLookups(0)
	w.wantBalance("minji", 0)
	w.startBehind(trustLoopback())
	w.wantStatus(w.webhookFrom(body, stranger+", "+iamport), http.StatusOK)
	w.wantBalance("minji", 5000)
}

// TestF12AnAllowedSenderIsNotTrusted: the payment is looked up whatever the sender's address.
func TestF12AnAllowedSenderIsNotTrusted(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID := w.order("minji")
	impUID := w.pay(merchantUID, status("ready"))
	w.startBehind(trustLoopback())
	w.wantStatus(w.webhookFrom(notice(impUID, merchantUID, "paid"), "52.78.100.19"), http.StatusOK)
	w.wantLookups(1)
	w.wantBalance("minji", 0)
}

func TestWebhookSendersDoNotRestrictPaymentReturns(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID := w.order("minji")
	impUID := w.pay(merchantUID)
	w.startBehind(nil)
	w.wantReturn(returnQuery(impUID, merchantUID), "https://shop.example?merchantUid="+merchantUID+"&status=paid")
}

func trustLoopback() middleware.Proxies {
	return middleware.Proxies{netip.MustParsePrefix("127.0.0.0/8")}
}
