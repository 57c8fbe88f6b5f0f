package ratelimit

import (
	"net/netip"
	"sync"
)

// ConcurrencyLimit is how many calls each user, and each address, may have under way at a time: an answer that nobody reads is
// kept in memory until it is written. A nil one refuses nobody. It is safe for concurrent use.
type ConcurrencyLimit struct {
	User    int
	Address int
	// Shared is as in Limit.
	Shared bool

	mu       sync.Mutex
	underWay map[any]int // by user (string) and by network (netip.Prefix); none that is 0
}

// Acquire lets a call begin, which must call leave when it has ended, or refuses it. Whom it is counted for is as in
// Limit.Take.
func (a *ConcurrencyLimit) Acquire(user string, address netip.Addr) (leave func(), ok bool) {
	if a == nil {
		return func() {}, true
	}
	bounds := a.limitsFor(user, address)
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, most := range bounds {
		if a.underWay[key] >= most {
			return nil, false
		}
	}
	if a.underWay == nil {
		a.underWay = map[any]int{}
	}
	a.addUnderWay(bounds, 1)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.addUnderWay(bounds, -1)
	}, true
}

// limitsFor are for whom a call is counted, and how many they may have.
func (a *ConcurrencyLimit) limitsFor(user string, address netip.Addr) map[any]int {
	bounds := map[any]int{}
	if countsAddress(user, address, a.Shared) {
		bounds[networkOf(address)] = a.Address
	}
	if user != "" {
		bounds[user] = a.User
	}
	return bounds
}

// addUnderWay is called with mu locked.
func (a *ConcurrencyLimit) addUnderWay(keys map[any]int, change int) {
	for key := range keys {
		a.underWay[key] += change
		if a.underWay[key] == 0 {
			delete(a.underWay, key)
		}
	}
}
