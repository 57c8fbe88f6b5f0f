// Package ratelimit bounds how often, and how many at a time, users and addresses may call, and how
// often they can make the server write to its log. It knows nothing of points.
package ratelimit

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

// Limit bounds how often each user may call, from any address, and how often each address may call,
// for any user. A nil Limit, like the zero Limit, allows every call. It is safe for concurrent use.
type Limit struct {
	// Shared is set when TRUSTED_PROXIES is empty: all clients may arrive from the proxy's address.
	// Signed-in users are then counted by their name only, so that calls without a user cannot use
	// up what the users have.
	Shared bool

	users     *KeyedLimiter[string]
	addresses *KeyedLimiter[netip.Prefix]
}

// Rate allows Limit calls a second in the long run, and Burst at once. A Limit of rate.Inf allows
// every call.
type Rate struct {
	Limit rate.Limit
	Burst int
}

// NewLimit returns a Limit with one rate for each user and one for each address.
func NewLimit(user, address Rate) *Limit {
	return &Limit{
		users:     NewKeyedLimiter[string](user.Limit, user.Burst),
		addresses: NewKeyedLimiter[netip.Prefix](address.Limit, address.Burst),
	}
}

// Take counts one more call and returns 0, or how long to wait before the next try. A call without
// a user (the empty string) is counted by its address only. A call without an address, or a user's
// call from a Shared address, is counted by its user only. IPv6 is counted by networks of 64 bits.
func (l *Limit) Take(user string, address netip.Addr) (wait time.Duration) {
	return l.TakeN(user, address, 1)
}

// TakeN counts a call that is as dear as n calls. The user comes first: what a user is refused must
// not use up what others at the same address have.
func (l *Limit) TakeN(user string, address netip.Addr, n int) (wait time.Duration) {
	if l == nil {
		return 0
	}
	if user != "" {
		wait = l.users.TakeN(user, n)
	}
	if wait == 0 && countsAddress(user, address, l.Shared) {
		wait = l.addresses.TakeN(networkOf(address), n)
	}
	return wait
}

// Debit counts n calls that were made already, whether or not they exceed the limit. The next calls
// wait for them.
func (l *Limit) Debit(user string, address netip.Addr, n int) {
	if l == nil {
		return
	}
	if user != "" {
		l.users.Debit(user, n)
	}
	if countsAddress(user, address, l.Shared) {
		l.addresses.Debit(networkOf(address), n)
	}
}

// countsAddress reports whether a call is counted by its address.
func countsAddress(user string, address netip.Addr, shared bool) bool {
	return address.IsValid() && (user == "" || !shared)
}

// networkOf returns the network that an address is counted by. IPv6 is handed out in networks of 64
// bits, so one client can use every address of its network. It is the zero Prefix for the zero
// Addr.
func networkOf(address netip.Addr) netip.Prefix {
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	network, _ := address.Prefix(bits)
	return network
}

// RetryAfterSeconds rounds a waiting time up to whole seconds: a client that comes back after the
// time it was told must not be too early.
func RetryAfterSeconds(wait time.Duration) int {
	return int((wait + time.Second - 1) / time.Second)
}
