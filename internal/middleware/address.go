// Package middleware is what stands between the open network and our handlers: who calls, as far as an address can
// tell, the headers that every answer carries, which host names and origins are answered, and what becomes of a panic.
// It knows nothing of points.
package middleware

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops is how many proxies a request may have come through. A longer list of them is nobody's set-up.
const maxHops = 16

// Proxies are the addresses whose X-Forwarded-For is believed; nobody's, when there are none.
type Proxies []netip.Prefix

// ClientAddress is the address that the request came from: the peer's, or if that is one of the proxies, the last one in
// X-Forwarded-For that is none. What stands before it was written by whoever called, who may write anything
// (contract §5, F13). The proxies' lists are read from the right, and a list with garbage in it is not read: the
// peer's address is the answer then. IPv4 inside IPv6 is IPv4. It is the zero Addr for a peer without an address.
func (p Proxies) ClientAddress(r *http.Request) netip.Addr {
	peer, _ := parseAddress(r.RemoteAddr)
	client := peer
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for n, hop := range slices.Backward(hops) {
		if !Contains(p, client) || n == 0 && hop == "" {
			return client
		}
		var ok bool
		if client, ok = parseAddress(strings.TrimSpace(hop)); !ok || len(hops)-n > maxHops {
			return peer
		}
	}
	return client
}

// Contains tells whether the address lies in one of the networks.
func Contains(networks []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(address) })
}

// parseAddress reads an address with or without a port; some proxies write one.
func parseAddress(text string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(text)
	if err != nil {
		withPort, portErr := netip.ParseAddrPort(text)
		address, err = withPort.Addr(), portErr
	}
	return address.Unmap().WithZone(""), err == nil
}

type addressKey struct{}

// Identify leaves the address of the request's client in its context, for Client.
func (p Proxies) Identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), addressKey{}, p.ClientAddress(r))))
	})
}

// ClientAddress is the address that the request came from, as Identify saw it; the zero Addr, which is in no network, if it
// did not.
func ClientAddress(ctx context.Context) netip.Addr {
	address, _ := ctx.Value(addressKey{}).(netip.Addr)
	return address
}
