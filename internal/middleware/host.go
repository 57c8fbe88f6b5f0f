package middleware

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// RestrictHosts answers 421 to requests for another name than localhost or one of hosts. Any site can let its name lead to
// 127.0.0.1 (DNS rebinding): to a browser, a server that answers to that name is the site itself, and the site's pages may
// read all of it. An address is nobody's name.
func RestrictHosts(hosts []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := hostname(r.Host)
		own := slices.ContainsFunc(hosts, func(host string) bool { return hostname(host) == name })
		if !own && !isLocal(name) {
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

// isLocal is for names that no site can have: browsers ask nobody what localhost means (RFC 6761 §6.3).
func isLocal(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil || name == "localhost" || strings.HasSuffix(name, ".localhost")
}
