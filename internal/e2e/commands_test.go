package e2e

import (
	"net/http"
	"strings"
	"testing"

	"pointcharge/internal/apierror"
	testdb "pointcharge/internal/database/databasetest"
)

func TestServesHelpNamesTheSettings(t *testing.T) {
	t.Parallel()
	text, _ := finish(t, nil, "serve", "-h")
	for _, name := range []string{"ADDR", "MODE", "DATABASE_URL", "IAMPORT_SECRET", "AUTH_JWKS_URL", "PUBLIC_URL", "LOG_FORMAT"} {
		if !strings.Contains(text, name) {
			t.Errorf("%s is missing:\n%s", name, text)
		}
	}
}

func TestWrongArgumentsAreUsageErrors(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"sell", "-x", "serve now", "serve -x", "migrate up", "sync", "sync imp_1 imp_2", "token", "token -user", "token -user a b",
		"token -user minji -role king", "token -user minji -for -1h", "token -user minji -for soon", "version 2", "health now", "sandbox now", "sandbox -x",
		"sandbox -addr 127.0.0.1:0 -faults hung", "sandbox -addr 127.0.0.1:0 -faults 429=1@/nowhere",
	} {
		if _, err := finish(t, sandboxOn("file:"+t.TempDir()+"/test.db"), strings.Fields(args)...); !isUsageError(err) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestAWrongEnvironmentReportsAllMistakes(t *testing.T) {
	t.Parallel()
	env := environment{"MODE": "live", "ADDR": "nowhere", "IAMPORT_URL": "ftp://x", "LOG_FORMAT": "xml", "PLAYGROUND": "perhaps",
		"AUTH_HS256_SECRET": "hush"}
	for _, command := range []string{"serve", "migrate", "health", "token"} {
		_, err := finish(t, env, command)
		if !isUsageError(err) {
			t.Fatalf("%s: %v", command, err)
		}
		for _, name := range []string{"ADDR", "DATABASE_URL", "IAMPORT_URL", "IAMPORT_KEY", "IAMPORT_SECRET", "IAMPORT_USER_CODE",
			"IAMPORT_CHANNEL_KEY", "AUTH_HS256_SECRET", "PUBLIC_URL", "FRONTEND_URL", "LOG_FORMAT", "PLAYGROUND"} {
			if !strings.Contains(err.Error(), "\n"+name+" ") {
				t.Errorf("%s does not report %s: %v", command, name, err)
			}
		}
		if strings.Contains(err.Error(), "hush") {
			t.Errorf("%s shows a secret: %v", command, err)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if text, err := finish(t, nil, "version"); err != nil || !strings.HasPrefix(text, "pointcharge") {
		t.Errorf("%q, %v", text, err)
	}
}

func TestMigrateMakesTheTables(t *testing.T) {
	t.Parallel()
	eachEmptyDatabase(t, func(t *testing.T, database string) { // whose audit reads every table
		for range 2 {
			text, err := finish(t, sandboxOn(database), "migrate")
			if err != nil || !strings.Contains(text, "is up to date") {
				t.Errorf("%q, %v", text, err)
			}
		}
	})
}

func TestTokenOpensTheServer(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		if r := s.ask(s.tokenFor("seoyeon", "-for", "1m"), readWallet); r.Data.Viewer.ID != "seoyeon" {
			t.Errorf("got %s", r.text)
		}
		const all = `{ chargeProducts(includeInactive: true) { id } }`
		s.wantCode(s.ask(s.tokenFor("seoyeon", "-role", "service"), all), apierror.Forbidden)
		s.wantCode(s.ask(s.tokenFor("boss", "-role", "admin"), all), "")
	})
}

func TestTokenIsNotMadeForAKeySet(t *testing.T) {
	t.Parallel()
	env := environment{"AUTH_JWKS_URL": "http://localhost:1/jwks", "AUTH_ISSUER": "i", "AUTH_AUDIENCE": "a"}
	if text, err := finish(t, env, "token", "-user", "minji"); !isUsageError(err) || strings.Contains(text, "eyJ") {
		t.Errorf("%q, %v", text, err)
	}
}

func TestSyncCreditsAnUnreportedPayment(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		o := s.buy(s.token, "points-5000")
		impUID := s.pay(o.MerchantUID, 5_000)
		env := s.env.with(environment{"IAMPORT_URL": s.url + "/sandbox"})
		for range 2 {
			text, err := finish(t, env, "sync", impUID)
			if err != nil || !strings.Contains(text, "payment "+impUID+" of order "+o.MerchantUID+": paid, 5000 KRW") {
				t.Errorf("%q, %v", text, err)
			}
			s.wantBalance(s.token, 5_000)
		}
		for _, id := range []string{"imp_unknown", "imp_1?x=1"} {
			if _, err := finish(t, env, "sync", id); err == nil {
				t.Errorf("%s was synced", id)
			}
		}
	})
}

func TestHealthTellsAWorkingServerFromNone(t *testing.T) {
	t.Parallel()
	s := openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)))
	env := environment{"ADDR": strings.TrimPrefix(s.url, "http://")}
	if _, err := finish(t, env, "health"); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := s.send(http.MethodGet, s.url+path, ""); a.status != http.StatusOK {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	s.client.CloseIdleConnections()
	s.stop()
	if _, err := finish(t, env, "health"); err == nil || isUsageError(err) {
		t.Errorf("a server that is gone is healthy: %v", err)
	}
}

func TestTheServersSandboxFailsAsTheSettingSays(t *testing.T) {
	t.Parallel()
	s := openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)).with(environment{"SANDBOX_FAULTS": "seed=7,lost=0"}))
	if got := s.send(http.MethodGet, s.url+"/sandbox/faults", ""); !strings.HasPrefix(got.text, `{"seed":7,`) {
		t.Errorf("%d %.200s", got.status, got.text)
	}
	wrong := sandboxOn("file:" + t.TempDir() + "/test.db").with(environment{"SANDBOX_FAULTS": "hung", "ADDR": "127.0.0.1:0"})
	if _, err := finish(t, wrong, "serve"); !isUsageError(err) {
		t.Errorf("served with a setting that is wrong: %v", err)
	}
}

// TestTheSandboxAloneServesAServer runs the pretend Iamport as a program of its own.
func TestTheSandboxAloneServesAServer(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, database string) {
		gateway := start(t, nil, "sandbox", "-addr", "127.0.0.1:0", "-key", "k", "-secret", "s", "-form").printed(`listens on (\S+)`)
		s := openShop(t, sandboxOn(database).with(environment{"IAMPORT_URL": gateway, "IAMPORT_KEY": "k", "IAMPORT_SECRET": "s"}))
		o := s.buy(s.token, "points-5000")
		if o.Checkout["sdkUrl"] != gateway+"/iamport.js" {
			t.Errorf("the SDK is %v", o.Checkout["sdkUrl"])
		}
		if sdk := s.send(http.MethodGet, gateway+"/iamport.js", ""); sdk.status != http.StatusOK || !strings.Contains(sdk.text, "request_pay") {
			t.Errorf("%d %.200s", sdk.status, sdk.text)
		}
		if own := s.send(http.MethodGet, s.url+"/sandbox/iamport.js", ""); own.status != http.StatusNotFound {
			t.Errorf("the server serves a sandbox of its own: %d", own.status)
		}
		s.answerWindow(s.openWindow(o, "overlay", nil), map[string]any{"action": "pay_silently"})
		s.awaitStatus(s.token, o.MerchantUID, "PAID") // by the webhook, to the checkout's notice_url
		s.wantBalance(s.token, 5_000)
	})
}
