// Package ratelimit bounds how often, and how many at a time, users and addresses may call. It knows nothing of points.
package ratelimit

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

// Limit is how often somebody may come: each user, wherever they are, and each address, whoever is there. The zero
// Limit refuses nobody.
type Limit struct {
	// Shared says that an address may be everybody's: a proxy's, of which the server was not told. Users are counted by
	// their name only then, so that whoever calls without one cannot use up what they have.
	Shared bool

	users     *KeyedLimiter[string]
	addresses *KeyedLimiter[netip.Prefix]
}

// Rate is how often: bursts of so many at once, and Limit a second in the long run. With rate.Inf there is no limit.
type Rate struct {
	Limit rate.Limit
	Burst int
}

// NewLimit allows each user and each address so much.
func NewLimit(user, address Rate) *Limit {
	return &Limit{
		users:     NewKeyedLimiter[string](user.Limit, user.Burst),
		addresses: NewKeyedLimiter[netip.Prefix](address.Limit, address.Burst),
	}
}

// Take counts one more call and returns 0, or how long to wait before the next try. A call without a user (the empty
// one) is counted by its address only, one without an address, or from a Shared one, by its user only. IPv6 is counted
// by networks of 64 bits.
func (l *Limit) Take(user string, address netip.Addr) (wait time.Duration) {
	if l == nil {
		return 0
	}
	if countsAddress(user, address, l.Shared) {
		wait = l.addresses.Take(networkOf(address))
	}
	if wait == 0 && user != "" {
		wait = l.users.Take(user)
	}
	return wait
}

// countsAddress tells whether a call is counted by its address.
func countsAddress(user string, address netip.Addr, shared bool) bool {
	return address.IsValid() && (user == "" || !shared)
}

// networkOf is what addresses are counted by: IPv6 is handed out in networks of 64 bits, and whoever has one has
// all of its addresses.
func networkOf(address netip.Addr) netip.Prefix {
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	network, _ := address.Prefix(bits) // the zero Prefix for the zero Addr
	return network
}

// RetryAfterSeconds rounds up: who comes back on time must not come too early.
func RetryAfterSeconds(wait time.Duration) int { return int((wait + time.Second - 1) / time.Second) }
