package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pointcharge/internal/config"
)

// mistakeNames are the names of the variables that Load complains about.
func mistakeNames(t *testing.T, env environment) []string {
	t.Helper()
	_, err := config.Load(env.get)
	if err == nil {
		return nil
	}
	errs, ok := errors.AsType[config.Errors](err)
	if !ok {
		t.Fatalf("%T is not config.Errors: %v", err, err)
	}
	var names []string
	for _, mistake := range errs {
		names = append(names, mistake.Name)
	}
	return names
}

func TestLiveReportsEverythingMissingAtOnce(t *testing.T) {
	t.Parallel()
	want := []string{
		"DATABASE_URL", "IAMPORT_KEY", "IAMPORT_SECRET", "IAMPORT_USER_CODE", "IAMPORT_CHANNEL_KEY",
		"AUTH_HS256_SECRET", "PUBLIC_URL", "FRONTEND_URL",
	}
	if diff := cmp.Diff(want, mistakeNames(t, environment{"MODE": "live"})); diff != "" {
		t.Error(diff)
	}
}

func TestManyMistakesAreOneLineEach(t *testing.T) {
	t.Parallel()
	_, err := config.Load(environment{
		"MODE": "production", "ADDR": "8080", "SANDBOX_REMOTE": "maybe", "DATABASE_URL": "mysql://root:hunter2@db/x",
		"IAMPORT_URL": "ftp://x", "AUTH_HS256_SECRET": "short", "PUBLIC_URL": "example.com",
		"CORS_ORIGINS": "https://a.example/,null", "LOG_FORMAT": "xml", "PLAYGROUND": "yes please",
	}.get)
	want := `MODE is wrong: "production" is not sandbox or live
ADDR is wrong: "8080" is not host:port
SANDBOX_REMOTE is wrong: "maybe" is not true or false
DATABASE_URL is wrong: it must begin with postgres:// or postgresql:// (PostgreSQL) or file: (SQLite)
IAMPORT_URL is wrong: it is not an http:// or https:// address
AUTH_HS256_SECRET is wrong: it has 5 bytes and needs 32; try: openssl rand -base64 32
PUBLIC_URL is wrong: it is not an http:// or https:// address
CORS_ORIGINS is wrong: browsers send "https://a.example", not "https://a.example/"
CORS_ORIGINS is wrong: "null" is not an origin such as https://shop.example
LOG_FORMAT is wrong: "xml" is not text or json
PLAYGROUND is wrong: "yes please" is not true or false`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 32)
	jwks := environment{"AUTH_HS256_SECRET": "", "AUTH_JWKS_URL": "https://login.example/jwks", "AUTH_ISSUER": "i", "AUTH_AUDIENCE": "a"}
	tests := []struct {
		name string
		env  environment
		want string // the one variable complained about, or nothing
	}{
		{"live as it should be", live(), ""},
		{"mode in capitals", environment{"MODE": "LIVE"}, "MODE"},

		{"port 0", environment{"ADDR": "127.0.0.1:0"}, ""},
		{"localhost", environment{"ADDR": "localhost:8080"}, ""},
		{"IPv6 loopback", environment{"ADDR": "[::1]:8080"}, ""},
		{"all of 127/8 is loopback", environment{"ADDR": "127.9.9.9:8080"}, ""},
		{"IPv4 inside IPv6", environment{"ADDR": "[::ffff:127.0.0.1]:8080"}, ""},
		{"no port", environment{"ADDR": "127.0.0.1"}, "ADDR"},
		{"port too high", environment{"ADDR": "127.0.0.1:65536"}, "ADDR"},
		{"negative port", environment{"ADDR": "127.0.0.1:-1"}, "ADDR"},
		{"named port", environment{"ADDR": "127.0.0.1:http"}, "ADDR"},
		{"a URL as address", environment{"ADDR": "http://127.0.0.1:8080"}, "ADDR"},
		{"sandbox on every address", environment{"ADDR": ":8080"}, "ADDR"},
		{"sandbox on 0.0.0.0", environment{"ADDR": "0.0.0.0:8080"}, "ADDR"},
		{"sandbox on ::", environment{"ADDR": "[::]:8080"}, "ADDR"},
		{"sandbox on a LAN address", environment{"ADDR": "192.168.0.2:8080"}, "ADDR"},
		{"sandbox on a name", environment{"ADDR": "localhost.example:8080"}, "ADDR"},
		{"remote sandbox on request", environment{"ADDR": ":8080", "SANDBOX_REMOTE": "true"}, ""},
		{"live on every address", live().with(environment{"ADDR": ":8080"}), ""},

		{"live on SQLite", live().with(environment{"DATABASE_URL": "file:/var/lib/points.db"}), ""},
		{"postgresql", live().with(environment{"DATABASE_URL": "postgresql://db/points"}), ""},
		{"socket", live().with(environment{"DATABASE_URL": "postgres:///points?host=/run/postgresql"}), ""},
		{"no database", live().with(environment{"DATABASE_URL": ""}), "DATABASE_URL"},
		{"a bare file name", environment{"DATABASE_URL": "points.db"}, "DATABASE_URL"},
		{"nothing after file:", environment{"DATABASE_URL": "file:"}, "DATABASE_URL"},
		{"key=value", environment{"DATABASE_URL": "host=db password=x"}, "DATABASE_URL"},

		{"live over http", live().with(environment{"IAMPORT_URL": "http://api.iamport.kr"}), "IAMPORT_URL"},
		{"password in a URL", environment{"IAMPORT_URL": "https://u:p@api.iamport.kr"}, "IAMPORT_URL"},
		{"query in a URL", environment{"IAMPORT_URL": "https://api.iamport.kr?x=1"}, "IAMPORT_URL"},
		{"sandbox key in live", live().with(environment{"IAMPORT_KEY": "sandbox-key"}), "IAMPORT_KEY"},
		{"sandbox user code in live", live().with(environment{"IAMPORT_USER_CODE": "imp00000000"}), "IAMPORT_USER_CODE"},

		{"short secret", environment{"AUTH_HS256_SECRET": long[1:]}, "AUTH_HS256_SECRET"},
		{"long enough secret", environment{"AUTH_HS256_SECRET": long}, ""},
		{"development secret in live", live().with(environment{"AUTH_HS256_SECRET": config.DevelopmentSecret}), "AUTH_HS256_SECRET"},
		{"no verifier in live", live().with(environment{"AUTH_HS256_SECRET": ""}), "AUTH_HS256_SECRET"},
		{"two verifiers", live().with(jwks).with(environment{"AUTH_HS256_SECRET": long}), "AUTH_JWKS_URL"},
		{"key set", live().with(jwks), ""},
		{"key set without issuer", live().with(jwks).with(environment{"AUTH_ISSUER": ""}), "AUTH_ISSUER"},
		{"key set without audience", live().with(jwks).with(environment{"AUTH_AUDIENCE": ""}), "AUTH_AUDIENCE"},
		{"key set over http in live", live().with(jwks).with(environment{"AUTH_JWKS_URL": "http://login.example/jwks"}), "AUTH_JWKS_URL"},

		{"public over http in live", live().with(environment{"PUBLIC_URL": "http://points.example"}), "PUBLIC_URL"},
		{"public over http in sandbox", environment{"PUBLIC_URL": "http://points.example"}, ""},
		{"no host", environment{"PUBLIC_URL": "http://:8080"}, "PUBLIC_URL"},
		{"frontend of another scheme", live().with(environment{"FRONTEND_URL": "javascript:alert(1)"}), "FRONTEND_URL"},
		{"frontend missing in live", live().with(environment{"FRONTEND_URL": ""}), "FRONTEND_URL"},

		{"wildcard in sandbox", environment{"CORS_ORIGINS": "*"}, ""},
		{"wildcard in live", live().with(environment{"CORS_ORIGINS": "*"}), "CORS_ORIGINS"},
		{"pattern", environment{"CORS_ORIGINS": "https://*.example"}, "CORS_ORIGINS"},
		{"origin in capitals", environment{"CORS_ORIGINS": "https://Shop.example"}, "CORS_ORIGINS"},
		{"origin with the scheme's port", environment{"CORS_ORIGINS": "https://shop.example:443"}, "CORS_ORIGINS"},
		{"origin with a port", environment{"CORS_ORIGINS": "http://localhost:3000"}, ""},
		{"origin with a path", environment{"CORS_ORIGINS": "https://shop.example/wallet"}, "CORS_ORIGINS"},
		{"origin without a scheme", environment{"CORS_ORIGINS": "shop.example"}, "CORS_ORIGINS"},
		{"origin not in Punycode", environment{"CORS_ORIGINS": "https://상점.example"}, "CORS_ORIGINS"},
		{"origin of another scheme", environment{"CORS_ORIGINS": "file://shop.example"}, "CORS_ORIGINS"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(mistakeNames(t, test.env), " "); got != test.want {
				t.Errorf("complaints about %q, want %q", got, test.want)
			}
		})
	}
}

func TestFaultsAreForTheSandboxInside(t *testing.T) {
	t.Parallel()
	faults := environment{"SANDBOX_FAULTS": "seed=7,rate=0.3"}
	if got := mistakeNames(t, faults); len(got) != 0 {
		t.Errorf("complaints about %q", got)
	}
	for _, env := range []environment{live(), {"IAMPORT_URL": "http://127.0.0.1:8081"}} {
		if got := mistakeNames(t, env.with(faults)); len(got) != 1 || got[0] != "SANDBOX_FAULTS" {
			t.Errorf("complaints about %q, want SANDBOX_FAULTS", got)
		}
	}
}

func TestComplaintsNeverShowASecret(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	env := live()
	for name := range env {
		if name != "MODE" {
			env[name] = "mysql://root:" + secret + "@db:badport"
		}
	}
	env["AUTH_HS256_SECRET"] = secret
	_, err := config.Load(env.get)
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("%v", err)
	}
}

func TestCORSHeadersAreNamesOfHeaders(t *testing.T) {
	t.Parallel()
	for headers, ok := range map[string]bool{"": true, "X-Tenant, x-trace": true, "X-Tenant: a": false, "*": false, "X Tenant": false} {
		_, err := config.Load(environment{"CORS_HEADERS": headers}.get)
		if (err == nil) != ok {
			t.Errorf("%q: %v", headers, err)
		}
	}
}
