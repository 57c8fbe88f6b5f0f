package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"pointcharge/internal/middleware"
)

func networks(t *testing.T, list ...string) middleware.Proxies {
	t.Helper()
	var out middleware.Proxies
	for _, text := range list {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, network)
	}
	return out
}

func TestF13ClientAddressIsTheLastOneThatIsNoTrustedProxy(t *testing.T) {
	t.Parallel()
	proxies := networks(t, "10.0.0.0/8", "192.0.2.7/32", "fd00::/8")
	const peer, stranger = "10.0.0.1:4711", "203.0.113.5:4711"
	far := strings.Repeat("10.0.0.9,", 16)
	for name, test := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"no header":                      {peer, nil, "10.0.0.1"},
		"an empty header":                {peer, []string{""}, "10.0.0.1"},
		"one hop":                        {peer, []string{"198.51.100.1"}, "198.51.100.1"},
		"a stranger's header":            {stranger, []string{"198.51.100.1"}, "203.0.113.5"},
		"a stranger's claim to be ours":  {stranger, []string{"10.0.0.2, 10.0.0.1"}, "203.0.113.5"},
		"a forged entry in front":        {peer, []string{"52.78.100.19, 198.51.100.1"}, "198.51.100.1"},
		"two proxies":                    {peer, []string{"52.78.100.19, 198.51.100.1, 192.0.2.7"}, "198.51.100.1"},
		"two header lines":               {peer, []string{"52.78.100.19", "198.51.100.1, 10.9.9.9"}, "198.51.100.1"},
		"a forged line in front":         {peer, []string{"52.78.100.19", "198.51.100.1"}, "198.51.100.1"},
		"a forged proxy in front":        {peer, []string{"10.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		"only proxies":                   {peer, []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"garbage at the end":             {peer, []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		"garbage behind a proxy":         {peer, []string{"198.51.100.1, unknown, 10.0.0.2"}, "10.0.0.1"},
		"garbage left of the client":     {peer, []string{"<script>, 198.51.100.1"}, "198.51.100.1"},
		"a trailing comma":               {peer, []string{"198.51.100.1,"}, "10.0.0.1"},
		"obfuscated":                     {peer, []string{"_hidden"}, "10.0.0.1"},
		"spaces and tabs":                {peer, []string{"\t 198.51.100.1 \t"}, "198.51.100.1"},
		"with a port":                    {peer, []string{"198.51.100.1:99"}, "198.51.100.1"},
		"IPv6":                           {peer, []string{"2001:db8::1"}, "2001:db8::1"},
		"IPv6 with a port":               {peer, []string{"[2001:db8::1]:99"}, "2001:db8::1"},
		"IPv6 with a zone":               {peer, []string{"fe80::1%eth0"}, "fe80::1"},
		"an IPv6 peer":                   {"[fd00::1]:4711", []string{"198.51.100.1"}, "198.51.100.1"},
		"an IPv4 peer inside IPv6":       {"[::ffff:10.0.0.1]:4711", []string{"198.51.100.1"}, "198.51.100.1"},
		"IPv4 inside IPv6":               {peer, []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"a proxy inside IPv6":            {peer, []string{"198.51.100.1, ::ffff:10.0.0.2"}, "198.51.100.1"},
		"as many hops as allowed":        {peer, []string{"198.51.100.1, " + strings.TrimSuffix(far[:15*9], ",")}, "198.51.100.1"},
		"more hops than allowed":         {peer, []string{"198.51.100.1, " + strings.TrimSuffix(far, ",")}, "10.0.0.1"},
		"a long list left of the client": {peer, []string{strings.Repeat("1.1.1.1,", 1000) + "198.51.100.1"}, "198.51.100.1"},
		"a peer without an address":      {"@", []string{"198.51.100.1"}, "invalid IP"},
		"a stranger without any address": {"", nil, "invalid IP"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = test.peer
		r.Header["X-Forwarded-For"] = test.forwarded
		if got := proxies.ClientAddress(r).String(); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestF13OtherHeadersAreIgnored(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "10.0.0.1:4711"
	for _, name := range []string{"X-Real-Ip", "Forwarded", "Cf-Connecting-Ip", "True-Client-Ip", "X-Client-Ip"} {
		r.Header.Set(name, "52.78.100.19")
	}
	if got := networks(t, "10.0.0.0/8").ClientAddress(r).String(); got != "10.0.0.1" {
		t.Errorf("the client is %s", got)
	}
}

func TestF13WithoutProxiesTheHeaderIsIgnored(t *testing.T) {
	t.Parallel()
	var seen netip.Addr
	handler := middleware.Proxies(nil).Identify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = middleware.ClientAddress(r.Context()) }))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "127.0.0.1:4711"
	r.Header.Set("X-Forwarded-For", "52.78.100.19")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	if seen.String() != "127.0.0.1" {
		t.Errorf("the client is %s", seen)
	}
}

func TestClientAddressWithoutIdentifyIsInNoNetwork(t *testing.T) {
	t.Parallel()
	if middleware.Contains(networks(t, "0.0.0.0/0", "::/0"), middleware.ClientAddress(t.Context())) {
		t.Error("the zero address lies in a network")
	}
}

func FuzzClient(f *testing.F) {
	f.Add("52.78.100.19, 198.51.100.1", "10.0.0.1:1")
	f.Add(",,::ffff:10.0.0.1%eth0,", "[::1]:1")
	f.Fuzz(func(t *testing.T, forwarded, peer string) {
		r := &http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {forwarded, "198.51.100.1"}}}
		got := networks(t, "10.0.0.0/8").ClientAddress(r)
		untrusting := networks(t).ClientAddress(r)
		if want := "198.51.100.1"; middleware.Contains(networks(t, "10.0.0.0/8"), untrusting) && got.String() != want {
			t.Errorf("with the forged header %q the client is %s, want %s", forwarded, got, want)
		} else if !middleware.Contains(networks(t, "10.0.0.0/8"), untrusting) && got != untrusting {
			t.Errorf("the header %q of the untrusted peer %q was used: %s", forwarded, peer, got)
		}
	})
}
