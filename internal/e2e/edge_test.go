package e2e

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"pointcharge/internal/apierror"
	testdb "pointcharge/internal/database/databasetest"
)

func openShopWith(t *testing.T, settings environment) *visitor {
	t.Helper()
	return openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)).with(settings))
}

func TestAnswersCarryTheirHeaders(t *testing.T) {
	t.Parallel()
	s := openShopWith(t, nil)
	const api = "default-src 'none'; frame-ancestors 'none'"
	for path, policy := range map[string]string{
		"/graphql": api, "/healthz": api, "/payments/return": api, "/nowhere": api, "/sandbox/nowhere": api,
		"/": "script-src 'self'", "/playground": "script-src 'self'", "/sandbox/checkout/x": "script-src 'self'",
	} {
		header := s.send(http.MethodGet, s.url+path, "").header
		if got := header.Get("Content-Security-Policy"); !strings.Contains(got, policy) || !strings.Contains(got, "frame-ancestors") {
			t.Errorf("%s: its policy is %q", path, got)
		}
		if header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Referrer-Policy") == "" ||
			header.Get("Cross-Origin-Resource-Policy") != "same-origin" || header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: %v", path, header)
		}
		if header.Get("Cache-Control") != "no-store" && path != "/playground" && path != "/" {
			t.Errorf("%s: may be kept: %q", path, header.Get("Cache-Control"))
		}
	}
	sdk := s.send(http.MethodGet, s.url+"/sandbox/iamport.js", "").header
	if sdk.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
		t.Errorf("other sites cannot load the pretend SDK: %v", sdk)
	}
}

func TestLiveModeAsksBrowsersForTLS(t *testing.T) {
	t.Parallel()
	s := openLive(t, testdb.URL(t, testdb.SQLite), withoutFront)
	if got := s.send(http.MethodGet, s.url+"/healthz", "").header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("it says %q", got)
	}
}

func TestReadsByGETPassTheCrossOriginRules(t *testing.T) {
	t.Parallel()
	s := openShopForOrigins(t, "https://shop.example")
	for origin, may := range map[string]bool{"https://shop.example": true, "https://evil.example": false} {
		a := s.send(http.MethodGet, s.url+"/graphql?query=%7B__typename%7D", "", "Origin", origin, "Sec-Fetch-Site", "cross-site")
		if allowed := a.header.Get("Access-Control-Allow-Origin") == origin; a.status == http.StatusForbidden || allowed != may {
			t.Errorf("%s: %d, may read: %t", origin, a.status, allowed)
		}
	}
}

func TestARefusalOfAnotherSiteIsAnAnswer(t *testing.T) {
	t.Parallel()
	s := openShopForOrigins(t, "")
	for _, path := range []string{"/graphql", "/graphql/stream"} {
		a := s.send(http.MethodPost, s.url+path, products, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
		if a.status != http.StatusForbidden || a.header.Get("Content-Type") != "application/json" || !strings.Contains(a.text, `"code":"FORBIDDEN"`) {
			t.Errorf("%s: %d %v %s", path, a.status, a.header, a.text)
		}
	}
}

// TestALongAddressIsRefusedByItsLimit: net/http has a limit for the whole header, too, and no
// client of GraphQL understands that limit's refusal.
func TestALongAddressIsRefusedByItsLimit(t *testing.T) {
	t.Parallel()
	s := openShopWith(t, nil)
	const query = "?query=%7B__typename%7D%23"
	for length, want := range map[int]int{8192: http.StatusOK, 8193: http.StatusRequestURITooLong} {
		a := s.send(http.MethodGet, s.url+"/graphql"+query+strings.Repeat("x", length+1-len(query)), "")
		if a.status != want || want != http.StatusOK && !strings.Contains(a.text, "at most 8192 bytes") {
			t.Errorf("%d bytes: %d %s", length, a.status, a.text)
		}
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	for _, origins := range []string{"", "https://shop.example", "*"} {
		s := openShopForOrigins(t, origins)
		for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
			for _, site := range []string{"cross-site", "same-site", ""} {
				a := s.send(http.MethodPost, s.url+"/graphql", products, "Content-Type", contentType, "Origin", "https://evil.example", "Sec-Fetch-Site", site)
				if a.status < 400 || strings.Contains(a.text, "points-5000") {
					t.Errorf("allowed %q, %s from %q: %d %s", origins, contentType, site, a.status, a.text)
				}
			}
		}
	}
}

func TestTokensAreReadFromTheirHeaderOnly(t *testing.T) {
	t.Parallel()
	s := openShopWith(t, nil)
	body := `{"query":"{ viewer { balance } }","access_token":"` + s.token + `"}`
	for _, query := range []string{"", "?access_token=" + s.token, "?token=" + s.token} {
		a := s.send(http.MethodPost, s.url+"/graphql"+query, body, "Cookie", "token="+s.token+"; Authorization=Bearer "+s.token)
		if !strings.Contains(a.text, string(apierror.Unauthenticated)) {
			t.Errorf("%q: %s", query, a.text)
		}
	}
}

// sendThroughProxy asks like a client of a proxy on this machine, with claim as the client's own
// header value.
func (s *visitor) sendThroughProxy(client, claim string) answer {
	s.Helper()
	return s.send(http.MethodPost, s.url+"/graphql", products, "X-Forwarded-For", strings.TrimPrefix(claim+", "+client, ", "),
		"Origin", "https://shop.example")
}

func TestF13AForgedAddressIsNoWayAroundTheLimit(t *testing.T) {
	t.Parallel()
	s := openShopWith(t, environment{"TRUSTED_PROXIES": "127.0.0.1", "RATE_LIMIT_ADDRESS": "1/m burst 3", "CORS_ORIGINS": "https://shop.example"})
	for i := range 3 {
		if a := s.sendThroughProxy("203.0.113.5", fmt.Sprintf("198.51.100.%d", i)); a.status != http.StatusOK {
			t.Errorf("request %d: %d %s", i, a.status, a.text)
		}
	}
	a := s.sendThroughProxy("203.0.113.5", "198.51.100.9")
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" || !strings.Contains(a.text, `"code":"RATE_LIMITED"`) {
		t.Errorf("%d %v %s", a.status, a.header, a.text)
	}
	if a.header.Get("Access-Control-Allow-Origin") != "https://shop.example" || a.header.Get("Access-Control-Expose-Headers") != "Retry-After" {
		t.Errorf("the shop's page cannot read it: %v", a.header)
	}
	if a := s.sendThroughProxy("203.0.113.6", ""); a.status != http.StatusOK {
		t.Errorf("another client: %d %s", a.status, a.text)
	}
}

// TestStrangersShareALimitWhereNoProxyIsNamed: all requests come from 127.0.0.1, as behind a proxy
// unknown to the server.
func TestStrangersShareALimitWhereNoProxyIsNamed(t *testing.T) {
	t.Parallel()
	s := openShopWith(t, environment{"RATE_LIMIT_ADDRESS": "1/m burst 2", "RATE_LIMIT_GATEWAY": "1/m burst 1", "CORS_ORIGINS": "https://shop.example"})
	var last answer
	for i := range 3 {
		last = s.sendThroughProxy(fmt.Sprintf("198.51.100.%d", i), "")
	}
	if last.status != http.StatusTooManyRequests {
		t.Errorf("a forged header is a way around it: %d %s", last.status, last.text)
	}
	for i := range 12 { // more than an address may ask the gateway
		s.wantCode(s.charge(s.tokenFor(fmt.Sprint("user-", i)), "imp_unknown"), apierror.PaymentNotFound)
	}
}

func TestLiveModeSaysThatNoProxyIsNamed(t *testing.T) {
	t.Parallel()
	const warning = "TRUSTED_PROXIES is not set"
	live := openLive(t, testdb.URL(t, testdb.SQLite), withoutFront)
	if !strings.Contains(live.stdout.text(), warning) {
		t.Errorf("it says:\n%s", live.stdout.text())
	}
	if sandbox := openShopWith(t, nil); strings.Contains(sandbox.stdout.text(), warning) {
		t.Errorf("the sandbox needs none:\n%s", sandbox.stdout.text())
	}
}

func TestUsersAreLimited(t *testing.T) {
	t.Parallel()
	s := openShopWith(t, environment{"RATE_LIMIT_USER": "1/m burst 5", "RATE_LIMIT_GATEWAY": "1/m burst 2"})
	for range 2 {
		s.wantCode(s.charge(s.token, "imp_unknown"), apierror.PaymentNotFound)
	}
	s.wantCode(s.charge(s.token, "imp_unknown"), apierror.RateLimited)
	if a := s.send(http.MethodPost, s.url+"/graphql", products, "Authorization", "Bearer "+s.token); a.status != http.StatusOK {
		t.Errorf("reads are refused, too: %d %s", a.status, a.text)
	}
	s.wantCode(s.charge(s.token, "imp_unknown"), apierror.RateLimited) // the fifth request
	if a := s.send(http.MethodPost, s.url+"/graphql", products, "Authorization", "Bearer "+s.token); a.status != http.StatusTooManyRequests {
		t.Errorf("the sixth request: %d %s", a.status, a.text)
	}
	s.wantCode(s.charge(s.tokenFor("junho"), "imp_unknown"), apierror.PaymentNotFound)
}

func TestF12OnlyIamportsAddressesWhenAskedFor(t *testing.T) {
	t.Parallel()
	s := openShopWith(t, environment{"WEBHOOK_ALLOW": "iamport", "TRUSTED_PROXIES": "127.0.0.1"})
	const body = `{"imp_uid":"imp_1234567890","merchant_uid":"merchant_1234567890","status":"paid"}`
	for client, want := range map[string]int{"52.78.100.19": 200, "52.78.48.223": 200, "52.78.5.241": 200, "203.0.113.5": 403,
		"52.78.100.19, 203.0.113.5": 403, "203.0.113.5, 52.78.5.241": 200} {
		if a := s.send(http.MethodPost, s.url+"/webhooks/iamport", body, "X-Forwarded-For", client); a.status != want {
			t.Errorf("%s: %d, want %d", client, a.status, want)
		}
	}
}

func TestATakenPortNamesTheSetting(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	_, err = finish(t, sandboxOn("file:"+filepath.Join(t.TempDir(), "p.db")).with(environment{"ADDR": taken.Addr().String()}))
	if err == nil || !strings.Contains(err.Error(), "choose another address with ADDR: listen tcp "+taken.Addr().String()) {
		t.Errorf("got %v", err)
	}
}
