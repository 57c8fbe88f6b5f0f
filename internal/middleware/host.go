package middleware

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// RestrictHosts answers 421 to requests whose Host is neither localhost, nor an IP address, nor one
// of hosts. Any site can make its name resolve to 127.0.0.1 (DNS rebinding). To a browser, a server
// that answers to that name is the site itself, so the site's pages may read all of it. No site can
// have an IP address as its name.
func RestrictHosts(hosts []string, next http.Handler) http.Handler {
	const refusal = "This server does not answer to that name (PUBLIC_URL, SANDBOX_REMOTE)."
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := hostWithoutPort(r.Host)
		own := slices.ContainsFunc(hosts, func(host string) bool { return hostWithoutPort(host) == name })
		if !own && !isLocal(name) {
			http.Error(w, refusal, http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostWithoutPort returns a Host header without its port.
func hostWithoutPort(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// isLocal reports whether no site can have the name: IP addresses, and localhost, which browsers
// resolve without DNS (RFC 6761 §6.3).
func isLocal(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil || name == "localhost" || strings.HasSuffix(name, ".localhost")
}
