package config_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pointcharge/internal/config"
)

type environment map[string]string

func (e environment) get(name string) string { return e[name] }

// with is the environment with some variables changed; an empty value removes one.
func (e environment) with(changes environment) environment {
	out := maps.Clone(e)
	maps.Copy(out, changes)
	return out
}

// live is the least that live mode starts with.
func live() environment {
	return environment{
		"MODE":                "live",
		"DATABASE_URL":        "postgres://points:hunter2@db.internal/points",
		"IAMPORT_KEY":         "1234567890123456",
		"IAMPORT_SECRET":      "a-real-secret",
		"IAMPORT_USER_CODE":   "imp12345678",
		"IAMPORT_CHANNEL_KEY": "channel-key-893597d6",
		"AUTH_HS256_SECRET":   strings.Repeat("k", 32),
		"PUBLIC_URL":          "https://points.example",
		"FRONTEND_URL":        "https://shop.example/wallet",
	}
}

func load(t *testing.T, env environment) config.Config {
	t.Helper()
	c, err := config.Load(env.get)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSandboxNeedsNoSettings(t *testing.T) {
	t.Parallel()
	c := load(t, environment{})
	got := map[string]any{
		"mode": c.Mode, "addr": c.Addr, "database": c.DatabaseURL.Reveal(), "iamport": c.IamportURL,
		"secret": c.AuthHS256Secret.Reveal(), "public": c.PublicURL, "frontend": c.FrontendURL,
		"log": c.LogFormat, "playground": c.Playground, "introspection": c.Introspection,
	}
	want := map[string]any{
		"mode": config.Sandbox, "addr": "127.0.0.1:8080", "database": "file:data/pointcharge.db", "iamport": "",
		"secret": config.DevelopmentSecret, "public": "http://127.0.0.1:8080", "frontend": "http://127.0.0.1:8080",
		"log": config.Text, "playground": true, "introspection": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c.IamportKey.IsZero() || c.IamportSecret.IsZero() || c.IamportUserCode == "" || c.IamportChannelKey == "" {
		t.Error("the sandbox has no keys of its own")
	}
}

func TestLiveDefaultsAreTheSafeOnes(t *testing.T) {
	t.Parallel()
	c := load(t, live())
	if c.IamportURL != "https://api.iamport.kr" || c.LogFormat != config.JSON {
		t.Errorf("iamport %q, log format %q", c.IamportURL, c.LogFormat)
	}
	if c.Playground || c.Introspection {
		t.Error("playground or introspection is on without being asked for")
	}
	if c.AuthHS256Secret.Reveal() == config.DevelopmentSecret {
		t.Error("the development secret reached live mode")
	}
}

func TestLiveMayTurnPlaygroundOn(t *testing.T) {
	t.Parallel()
	c := load(t, live().with(environment{"PLAYGROUND": "true", "INTROSPECTION": "1"}))
	if !c.Playground || !c.Introspection {
		t.Error("an explicit wish was not heard")
	}
}

func TestLiveAcceptsKeySetsInsteadOfASecret(t *testing.T) {
	t.Parallel()
	c := load(t, live().with(environment{
		"AUTH_HS256_SECRET": "", "AUTH_JWKS_URL": "https://login.example/jwks",
		"AUTH_ISSUER": "https://login.example", "AUTH_AUDIENCE": "points",
	}))
	if c.AuthJWKSURL != "https://login.example/jwks" || !c.AuthHS256Secret.IsZero() {
		t.Errorf("key set %q, secret set: %t", c.AuthJWKSURL, !c.AuthHS256Secret.IsZero())
	}
}

func TestSandboxWithAKeySetHasNoDevelopmentSecret(t *testing.T) {
	t.Parallel()
	c := load(t, environment{
		"AUTH_JWKS_URL": "http://localhost:9000/jwks", "AUTH_ISSUER": "dev", "AUTH_AUDIENCE": "points",
	})
	if !c.AuthHS256Secret.IsZero() {
		t.Error("a development token would be accepted beside the key set")
	}
}

func TestSpacesAreDropped(t *testing.T) {
	t.Parallel()
	env := environment{}
	for name, value := range live() {
		env[name] = " \t" + value + "\n"
	}
	env["CORS_ORIGINS"] = " https://a.example , ,https://b.example:8443,"
	c := load(t, env)
	if c.IamportSecret.Reveal() != "a-real-secret" || c.PublicURL != "https://points.example" {
		t.Errorf("secret %q, public %q", c.IamportSecret.Reveal(), c.PublicURL)
	}
	if want := []string{"https://a.example", "https://b.example:8443"}; !slices.Equal(c.CORSOrigins, want) {
		t.Errorf("origins %q, want %q", c.CORSOrigins, want)
	}
}

func TestBlankMeansMissing(t *testing.T) {
	t.Parallel()
	if c := load(t, environment{"ADDR": "  ", "MODE": ""}); c.Addr != "127.0.0.1:8080" || c.Mode != config.Sandbox {
		t.Errorf("addr %q, mode %q", c.Addr, c.Mode)
	}
}

func TestTrailingSlashesAreDropped(t *testing.T) {
	t.Parallel()
	c := load(t, environment{
		"IAMPORT_URL": "http://localhost:9000/", "PUBLIC_URL": "http://a.example/", "FRONTEND_URL": "http://b.example/wallet/",
	})
	if c.IamportURL != "http://localhost:9000" || c.PublicURL != "http://a.example" || c.FrontendURL != "http://b.example/wallet" {
		t.Errorf("%q %q %q", c.IamportURL, c.PublicURL, c.FrontendURL)
	}
}

func TestDerivedAddressesFollowThePort(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		env              environment
		listening        string
		public, frontend string
	}{
		"nothing set":      {environment{"ADDR": "127.0.0.1:0"}, "127.0.0.1:4711", "http://127.0.0.1:4711", "http://127.0.0.1:4711"},
		"public set":       {environment{"PUBLIC_URL": "http://x.example"}, "127.0.0.1:1", "http://x.example", "http://x.example"},
		"below a path":     {environment{"PUBLIC_URL": "http://x.example/pay/api/"}, "127.0.0.1:1", "http://x.example/pay/api", "http://x.example/pay/api/"},
		"frontend set":     {environment{"FRONTEND_URL": "http://x.example"}, "127.0.0.1:1", "http://127.0.0.1:1", "http://x.example"},
		"all IPv6":         {environment{}, "[::]:4711", "http://localhost:4711", "http://localhost:4711"},
		"all IPv4":         {environment{}, "0.0.0.0:4711", "http://localhost:4711", "http://localhost:4711"},
		"IPv6 loopback":    {environment{}, "[::1]:4711", "http://[::1]:4711", "http://[::1]:4711"},
		"live never moves": {live(), "127.0.0.1:4711", "https://points.example", "https://shop.example/wallet"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, test.env).Listening(test.listening)
			if c.Addr != test.listening || c.PublicURL != test.public || c.FrontendURL != test.frontend {
				t.Errorf("addr %q, public %q, frontend %q", c.Addr, c.PublicURL, c.FrontendURL)
			}
		})
	}
}

func TestHelpDescribesEveryVariable(t *testing.T) {
	t.Parallel()
	help := config.Help()
	read := map[string]bool{}
	_, _ = config.Load(func(name string) string { read[name] = true; return "" })
	for name := range read {
		if !strings.Contains(help, "  "+name+"\n") {
			t.Errorf("%s is not in the help text", name)
		}
	}
	if len(read) < 19 {
		t.Errorf("only %d variables are read", len(read))
	}
	for _, want := range []string{"file:data/pointcharge.db (sandbox), required (live)", "default: 127.0.0.1:8080\n"} {
		if !strings.Contains(help, want) {
			t.Errorf("the help text lacks %q:\n%s", want, help)
		}
	}
}

func TestPointsLiveAsLongAsTheShopSays(t *testing.T) {
	t.Parallel()
	c := load(t, environment{"PAID_POINTS_LIFE": "30d"})
	if c.PaidPointsLife != "30d" || c.BonusPointsLife != "365d" {
		t.Errorf("%s and %s", c.PaidPointsLife, c.BonusPointsLife)
	}
	for _, bad := range []string{"0d", "-1d", "36501d", "0y", "101y", "30", "5 years", "five"} {
		if _, err := config.Load(environment{"BONUS_POINTS_LIFE": bad}.get); err == nil || !strings.Contains(err.Error(), "BONUS_POINTS_LIFE") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestStreamsHaveBounds(t *testing.T) {
	t.Parallel()
	c := load(t, environment{"STREAM_POLL": "250ms", "STREAMS_PER_USER": "2"})
	if c.StreamPoll != 250*time.Millisecond || c.StreamsPerUser != 2 || c.Streams != 10_000 {
		t.Errorf("every %s, %d of %d", c.StreamPoll, c.StreamsPerUser, c.Streams)
	}
	for name, values := range map[string][]string{
		"STREAM_POLL": {"1", "49ms", "61s", "-1s", "soon"}, "STREAMS": {"0", "1000001", "many"}, "STREAMS_PER_USER": {"0", "1001", "-1"},
		"STREAM_RATE": {"0/s", "fast", "50/h", "-1/s"},
	} {
		for _, bad := range values {
			if _, err := config.Load(environment{name: bad}.get); err == nil || !strings.Contains(err.Error(), name+" is wrong") {
				t.Errorf("%s=%s: %v", name, bad, err)
			}
		}
	}
}
