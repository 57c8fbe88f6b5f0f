// Package ratelimit bounds how often, and how many at a time, users and addresses may call, and how
// often callers can make the server write to its log. The package knows nothing of points.
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
	// Signed-in users are then counted by name only, so that calls without a user cannot use up the
	// users' allowances.
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

// TakeN counts a call with the weight of n calls. The user is counted first: a refused call of one
// user must not use up the allowance of other users at the same address.
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

// Debit counts n calls that were made already, also beyond the limit. The next calls wait longer.
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

// networkOf returns the network for the counts of an address. IPv6 is handed out in networks of 64
// bits, so one client can use every address of its network. The zero Addr has the zero Prefix.
func networkOf(address netip.Addr) netip.Prefix {
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	network, _ := address.Prefix(bits)
	return network
}

// RetryAfterSeconds rounds a waiting time up to whole seconds: a client that waits as told must not
// be too early.
func RetryAfterSeconds(wait time.Duration) int {
	return int((wait + time.Second - 1) / time.Second)
}
