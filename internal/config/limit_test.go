package config_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/time/rate"

	"pointcharge/internal/config"
)

func TestRates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Rate{
		"off": {Limit: rate.Inf}, "0": {Limit: rate.Inf}, "20/s": {Limit: 20, Burst: 20}, "20/s burst 40": {Limit: 20, Burst: 40},
		"30/m": {Limit: 0.5, Burst: 30}, "30/m burst 1": {Limit: 0.5, Burst: 1}, " 1/m ": {Limit: 1.0 / 60, Burst: 1},
	} {
		if got := load(t, environment{"RATE_LIMIT_USER": text}).RateLimitUser; got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestMalformedRates(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"20", "20/h", "20 / s", "-1/s", "1.5/s", "0/s", "5/s burst 0", "5/s burst", "5/s 10", "OFF", "9999999/s", "1e3/s"} {
		for _, name := range []string{"RATE_LIMIT_USER", "RATE_LIMIT_ADDRESS", "RATE_LIMIT_GATEWAY"} {
			if got := mistakeNames(t, environment{name: text}); len(got) != 1 || got[0] != name {
				t.Errorf("%s=%s: complaints about %q", name, text, got)
			}
		}
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                         "[]",
		"192.0.2.1":                "[192.0.2.1/32]",
		"10.0.0.0/8 , 2001:db8::1": "[10.0.0.0/8 2001:db8::1/128]",
		"10.1.2.3/8,":              "[10.0.0.0/8]",
		"::ffff:192.0.2.1":         "[192.0.2.1/32]",
		"::ffff:10.0.0.0/104":      "[10.0.0.0/8]",
	} {
		if got := fmt.Sprint(load(t, environment{"TRUSTED_PROXIES": text}).TrustedProxies); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestMalformedNetworks(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"proxy.example", "10.0.0.0/33", "10.0.0.1:80", "*", "10.0.0.1-10.0.0.9", "fe80::1%eth0/64"} {
		for _, name := range []string{"TRUSTED_PROXIES", "WEBHOOK_ALLOW"} {
			if got := mistakeNames(t, environment{name: text}); len(got) != 1 || got[0] != name {
				t.Errorf("%s=%s: complaints about %q", name, text, got)
			}
		}
	}
	if got := mistakeNames(t, environment{"TRUSTED_PROXIES": "iamport"}); len(got) != 1 {
		t.Errorf("Iamport is no proxy of ours, but there were complaints about %q", got)
	}
}

func TestNetworksThatAreMuchTooWide(t *testing.T) {
	t.Parallel()
	for text, fine := range map[string]bool{"0.0.0.0/0": false, "128.0.0.0/1": false, "10.0.0.0/7": false, "10.0.0.0/8": true,
		"::/0": false, "2000::/3": false, "fd00::/15": false, "fd00::/16": true, "::ffff:0.0.0.0/96": false, "10.0.0.1,64.0.0.0/2": false} {
		for _, name := range []string{"TRUSTED_PROXIES", "WEBHOOK_ALLOW"} {
			if got := mistakeNames(t, environment{name: text}); fine != (len(got) == 0) || !fine && got[0] != name {
				t.Errorf("%s=%s: complaints about %q", name, text, got)
			}
		}
	}
}

func TestF12TheWordIamportIsAllThreeAddresses(t *testing.T) {
	t.Parallel()
	const want = "[52.78.100.19/32 52.78.48.223/32 52.78.5.241/32 192.0.2.0/24]"
	if got := fmt.Sprint(load(t, environment{"WEBHOOK_ALLOW": "iamport, 192.0.2.0/24"}).WebhookAllow); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAddressesAreLimitedInLiveMode(t *testing.T) {
	t.Parallel()
	off, standard := config.Rate{Limit: rate.Inf}, config.Rate{Limit: 100, Burst: 300}
	for name, test := range map[string]struct {
		env  environment
		want config.Rate
	}{
		"sandbox":          {environment{}, off},
		"live":             {live(), standard},
		"live and proxies": {live().with(environment{"TRUSTED_PROXIES": "127.0.0.1"}), standard},
		"live and said so": {live().with(environment{"RATE_LIMIT_ADDRESS": "1/s"}), config.Rate{Limit: 1, Burst: 1}},
		"live and said no": {live().with(environment{"RATE_LIMIT_ADDRESS": "off"}), off},
	} {
		if got := load(t, test.env).RateLimitAddress; got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestProxiesMustNotTrustEveryAddressOrShutIamportOut(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env  environment
		want string // the one variable complained about, or nothing
	}{
		"everybody a proxy":              {environment{"TRUSTED_PROXIES": "10.0.0.0/8,0.0.0.0/0"}, "TRUSTED_PROXIES"},
		"everybody a proxy, IPv6":        {environment{"TRUSTED_PROXIES": "::/0"}, "TRUSTED_PROXIES"},
		"Iamport's webhooks in live":     {live().with(environment{"WEBHOOK_ALLOW": "iamport"}), "WEBHOOK_ALLOW"},
		"the same behind a proxy":        {live().with(environment{"WEBHOOK_ALLOW": "iamport", "TRUSTED_PROXIES": "10.0.0.1"}), ""},
		"Iamport's webhooks in sandbox":  {environment{"WEBHOOK_ALLOW": "iamport"}, ""},
		"a proxy without any other wish": {live().with(environment{"TRUSTED_PROXIES": "10.0.0.1"}), ""},
	} {
		if got := strings.Join(mistakeNames(t, test.env), " "); got != test.want {
			t.Errorf("%s: complaints about %q, want %q", name, got, test.want)
		}
	}
}
