// Package middleware wraps HTTP handlers: the client's address behind trusted proxies, security
// headers, restrictions of origins and host names, and recovery from panics. The package knows
// nothing of points.
package middleware

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops limits how many proxies a request may have come through. No real set-up has a longer
// list.
const maxHops = 16

// Proxies are the networks with a trusted X-Forwarded-For header. An empty list trusts no proxy.
type Proxies []netip.Prefix

// ClientAddress returns the address of a request's client, or the zero Addr if the peer has none.
//
// The client is the peer. If the peer is a trusted proxy, the client is the last address in
// X-Forwarded-For outside the trusted proxies: any caller can write the part before (contract §5,
// F13). The list is read from the right. Garbage in the part read makes the peer the client. IPv4
// inside IPv6 is returned as IPv4.
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

// Contains reports whether an address lies in one of the networks.
func Contains(networks []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(address) })
}

// parseAddress reads an address with or without a port: some proxies write the port into the
// header.
func parseAddress(text string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(text)
	if err != nil {
		withPort, portErr := netip.ParseAddrPort(text)
		address, err = withPort.Addr(), portErr
	}
	return address.Unmap().WithZone(""), err == nil
}

type addressKey struct{}

// Identify stores the client's address in the request's context, for the function ClientAddress.
func (p Proxies) Identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), addressKey{}, p.ClientAddress(r))
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// ClientAddress returns the client's address stored in ctx by Identify. Without Identify the result
// is the zero Addr, which lies in no network.
func ClientAddress(ctx context.Context) netip.Addr {
	address, _ := ctx.Value(addressKey{}).(netip.Addr)
	return address
}
