package ratelimit

import (
	"net/netip"
	"sync"
)

// ConcurrencyLimit bounds how many calls each user, and each address, may have under way at a time:
// a response stays in memory until the client has read it. A nil ConcurrencyLimit allows every
// call. The limit is safe for concurrent use.
type ConcurrencyLimit struct {
	User    int
	Address int
	// Shared has the same meaning as Limit.Shared.
	Shared bool

	mu       sync.Mutex
	underWay map[any]int // by user (string) and by network (netip.Prefix); never 0
}

// Acquire lets a call begin, or reports that the user or the address has too many under way. The
// caller must call release when the call has ended. Calls are counted by user and address as in
// Limit.Take.
func (l *ConcurrencyLimit) Acquire(user string, address netip.Addr) (release func(), ok bool) {
	return l.AcquireN(user, address, 1)
}

// AcquireN lets a call begin with the weight of n calls. A call heavier than the limit begins when
// no other call is under way.
func (l *ConcurrencyLimit) AcquireN(user string, address netip.Addr, n int) (release func(), ok bool) {
	if l == nil {
		return func() {}, true
	}
	limits := l.limitsFor(user, address)
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, limit := range limits {
		if underWay := l.underWay[key]; underWay > 0 && underWay+n > limit {
			return nil, false
		}
	}
	if l.underWay == nil {
		l.underWay = map[any]int{}
	}
	l.addUnderWay(limits, n)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.addUnderWay(limits, -n)
	}, true
}

// limitsFor returns the call's keys, each with its limit of calls.
func (l *ConcurrencyLimit) limitsFor(user string, address netip.Addr) map[any]int {
	limits := map[any]int{}
	if countsAddress(user, address, l.Shared) {
		limits[networkOf(address)] = l.Address
	}
	if user != "" {
		limits[user] = l.User
	}
	return limits
}

// addUnderWay adds change to the number of calls of each key. The caller holds mu.
func (l *ConcurrencyLimit) addUnderWay(keys map[any]int, change int) {
	for key := range keys {
		l.underWay[key] += change
		if l.underWay[key] == 0 {
			delete(l.underWay, key)
		}
	}
}
