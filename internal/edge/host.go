package edge

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// OwnHosts answers 421 to requests for another host than this machine itself or one of hosts. Any site can let its name
// lead to 127.0.0.1 (DNS rebinding): to a browser, a server that answers to that name is the site itself, and the site's
// pages may read all of it.
func OwnHosts(hosts []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := hostname(r.Host)
		own := slices.ContainsFunc(hosts, func(host string) bool { return strings.EqualFold(host, name) })
		if !own && !isLoopback(name) {
			http.Error(w, "This server does not answer to that name (PUBLIC_URL, SANDBOX_REMOTE).", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostname is a Host header without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// isLoopback: browsers ask nobody what localhost means (RFC 6761 §6.3).
func isLoopback(name string) bool {
	address, err := netip.ParseAddr(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || err == nil && address.IsLoopback()
}
