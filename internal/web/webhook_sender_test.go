package web_test

import (
	"net/http"
	"net/netip"
	"testing"

	"pointcharge/internal/middleware"
	"pointcharge/internal/web"
)

// behind starts routes that take webhooks from one of Iamport's addresses only, behind proxies.
func (w *world) behind(proxies middleware.Proxies) {
	w.Helper()
	iamport := netip.MustParsePrefix("52.78.100.19/32")
	routes := w.routes(w.points, "https://shop.example", func(s *web.Server) { s.Senders = []netip.Prefix{iamport} })
	w.url = w.start(proxies.Identify(routes))
}

func (w *world) webhookFrom(body string, forwarded ...string) answer {
	w.Helper()
	request := w.request(http.MethodPost, "/webhooks/iamport", jsonType, body)
	request.Header["X-Forwarded-For"] = forwarded
	return w.do(request)
}

func TestF13TheAllowListBelievesNoForgedAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	merchantUID := w.order("minji")
	body := notice(w.pay(merchantUID), merchantUID, "paid")
	const iamport, stranger = "52.78.100.19", "203.0.113.5"
	for name, test := range map[string]struct {
		proxies   middleware.Proxies
		forwarded []string
	}{
		"directly":                    {nil, nil},
		"directly, forged":            {nil, []string{iamport}},
		"through a proxy":             {loopback(), []string{stranger}},
		"through a proxy, forged":     {loopback(), []string{iamport + ", " + stranger}},
		"through a proxy, two lines":  {loopback(), []string{iamport, stranger}},
		"through a proxy, hidden":     {loopback(), []string{iamport + ", unknown"}},
		"from the proxy itself":       {loopback(), nil},
		"a near miss of an allowance": {loopback(), []string{"52.78.100.20"}},
	} {
		w.behind(test.proxies)
		if a := w.webhookFrom(body, test.forwarded...); a.status != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	w.wantLookUps(0)
	w.wantBalance("minji", 0)
	w.behind(loopback())
	w.wantStatus(w.webhookFrom(body, stranger+", "+iamport), http.StatusOK)
	w.wantBalance("minji", 5000)
}

// TestF12AnAllowedAddressIsStillNotBelieved: the payment is looked up, whoever sent the notice.
func TestF12AnAllowedAddressIsStillNotBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	merchantUID := w.order("minji")
	impUID := w.pay(merchantUID, status("ready"))
	w.behind(loopback())
	w.wantStatus(w.webhookFrom(notice(impUID, merchantUID, "paid"), "52.78.100.19"), http.StatusOK)
	w.wantLookUps(1)
	w.wantBalance("minji", 0)
}

func TestTheAllowListIsForWebhooksOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	merchantUID := w.order("minji")
	impUID := w.pay(merchantUID)
	w.behind(nil)
	w.wantLanding(ids(impUID, merchantUID), "https://shop.example?merchantUid="+merchantUID+"&status=paid")
}

func loopback() middleware.Proxies { return middleware.Proxies{netip.MustParsePrefix("127.0.0.0/8")} }
