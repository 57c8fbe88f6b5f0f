package e2e

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/config"
	"pointcharge/internal/sandbox"
	"pointcharge/internal/server"
)

const liveSecret = "a-secret-for-live-tokens-of-32-bytes"

// liveOn is an environment for a live server on any free port.
func liveOn(databaseURL string) environment {
	return environment{"MODE": "live", "ADDR": "127.0.0.1:0", "DATABASE_URL": databaseURL, "IAMPORT_KEY": "live-key",
		"IAMPORT_SECRET": "live-imp-secret", "IAMPORT_USER_CODE": "imp12345678", "IAMPORT_CHANNEL_KEY": "channel-key-live",
		"AUTH_HS256_SECRET": liveSecret, "PUBLIC_URL": "https://points.example", "FRONTEND_URL": "https://shop.example"}
}

// liveServer is a server in live mode with our own gateway. A gateway must be https in live mode,
// and a test cannot serve https to a client with real authorities only, so liveServer is the one
// place that changes the server other than through the environment.
type liveServer struct {
	*visitor
	gateway *sandbox.Sandbox
	product string
}

func openLive(t *testing.T, database string, front func(http.Handler) http.Handler) *liveServer {
	t.Helper()
	gateway := sandbox.New(sandbox.Config{Key: "live-key", Secret: "live-imp-secret"})
	iamport := httptest.NewServer(front(gateway))
	t.Cleanup(gateway.Close)
	t.Cleanup(iamport.Close)
	env := liveOn(database)
	cfg, err := config.Load(env.get)
	if err != nil {
		t.Fatal(err)
	}
	cfg.IamportURL = iamport.URL
	p := launch(t, func(ctx context.Context, stdout io.Writer) error { return server.Serve(ctx, cfg, nil, stdout) })
	s := &visitor{program: p, env: env, url: p.printed(`listens on (\S+)`)}
	s.newClient()
	s.token = s.tokenFor("minji")
	s.wantCode(s.ask(s.tokenFor("boss", "-role", "admin"),
		`mutation { upsertChargeProduct(input: {id: "p", name: "포인트", price: 5000, points: 5000}) { id } }`), "")
	return &liveServer{visitor: s, gateway: gateway, product: "p"}
}

func withoutFront(h http.Handler) http.Handler { return h }

func eachLive(t *testing.T, front func(http.Handler) http.Handler, test func(s *liveServer)) {
	t.Helper()
	eachDatabase(t, func(t *testing.T, database string) { test(openLive(t, database, front)) })
}

func TestLiveModeSellsPoints(t *testing.T) {
	t.Parallel()
	eachLive(t, withoutFront, func(s *liveServer) {
		o := s.buy(s.token, s.product)
		if o.Checkout["notice_url"] != "https://points.example/webhooks/iamport" ||
			o.Checkout["m_redirect_url"] != "https://points.example/payments/return" || o.Checkout["userCode"] != "imp12345678" {
			t.Errorf("unexpected checkout %v", o.Checkout)
		}
		s.wantCode(s.charge(s.token, s.gateway.Put(sandbox.Payment{MerchantUID: o.MerchantUID, Amount: "5000"}).ImpUID), "")
		s.wantBalance(s.token, 5_000)
	})
}

func TestF20LiveModeDoesNotSeeTestPayments(t *testing.T) {
	t.Parallel()
	eachLive(t, withoutFront, func(s *liveServer) {
		o := s.buy(s.token, s.product)
		test := s.gateway.Put(sandbox.Payment{MerchantUID: o.MerchantUID, Amount: "5000", Sandbox: true})
		s.wantCode(s.charge(s.token, test.ImpUID), apierror.PaymentNotFound)
		s.wantBalance(s.token, 0)
	})
}

// TestF20LiveModeRefusesTestPayments has a gateway that shows test payments in spite of the
// request, as Iamport did until 2026.
func TestF20LiveModeRefusesTestPayments(t *testing.T) {
	t.Parallel()
	showing := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.RawQuery = "include_sandbox=true"
			next.ServeHTTP(w, r)
		})
	}
	eachLive(t, showing, func(s *liveServer) {
		o := s.buy(s.token, s.product)
		test := s.gateway.Put(sandbox.Payment{MerchantUID: o.MerchantUID, Amount: "5000", Sandbox: true})
		s.wantCode(s.charge(s.token, test.ImpUID), apierror.PaymentMismatch)
		notice := `{"imp_uid":"` + test.ImpUID + `","merchant_uid":"` + o.MerchantUID + `","status":"paid"}`
		if a := s.send(http.MethodPost, s.url+"/webhooks/iamport", notice); a.status != http.StatusOK {
			t.Errorf("webhook: %d %s", a.status, a.text)
		}
		s.wantBalance(s.token, 0)
	})
}

func TestLiveModeHasNoPartOfTheSandbox(t *testing.T) {
	t.Parallel()
	eachLive(t, withoutFront, func(s *liveServer) {
		for _, path := range []string{"/", "/storefront/charge.js", "/playground", "/playground/", "/sandbox/", "/sandbox/iamport.js",
			"/sandbox/users/getToken", "/sandbox/sandbox-payments", "/sandbox/checkout"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				if a := s.send(method, s.url+path, "{}"); a.status != http.StatusNotFound {
					t.Errorf("%s %s: %d %.200s", method, path, a.status, a.text)
				}
			}
		}
		s.wantCode(s.ask(s.token, `{ __schema { queryType { name } } }`), apierror.InvalidArgument)
		if r := s.ask("", `{ chargeProducts { id } }`); strings.Count(r.text, `"id"`) != 1 {
			t.Errorf("the shop was not empty: %s", r.text)
		}
	})
}

func TestLiveModePrintsNoTokenAndNoSecret(t *testing.T) {
	t.Parallel()
	eachLive(t, withoutFront, func(s *liveServer) {
		s.wantCode(s.charge(s.token, "imp_unknown"), apierror.PaymentNotFound)
		s.stop()
		for _, secret := range []string{"token", "eyJ", liveSecret, "live-imp-secret", "live-key", "storefront", "playground"} {
			if strings.Contains(s.stdout.text(), secret) {
				t.Errorf("it printed %q:\n%s", secret, s.stdout.text())
			}
		}
	})
}

// TestLiveModeDoesNotBelieveTheDevelopmentSecret: the secret is public in the source.
func TestLiveModeDoesNotBelieveTheDevelopmentSecret(t *testing.T) {
	t.Parallel()
	eachLive(t, withoutFront, func(s *liveServer) {
		sandboxToken, err := finish(t, environment{}, "token", "-user", "minji", "-role", "admin")
		if err != nil {
			t.Fatal(err)
		}
		s.wantCode(s.ask(strings.TrimSpace(sandboxToken), readWallet), apierror.Unauthenticated)
	})
}
