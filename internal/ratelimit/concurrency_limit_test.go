package ratelimit_test

import (
	"net/netip"
	"testing"

	"pointcharge/internal/ratelimit"
)

func TestConcurrencyLimitCountsUsersAndAddresses(t *testing.T) {
	t.Parallel()
	here, there := netip.MustParseAddr("203.0.113.5"), netip.MustParseAddr("203.0.113.6")
	type call struct {
		user string
		from netip.Addr
		ok   bool
	}
	for name, c := range map[string]struct {
		shared bool
		calls  []call
	}{
		"a user":                    {false, []call{{"minji", here, true}, {"minji", there, true}, {"minji", there, false}, {"junho", there, true}}},
		"an address":                {false, []call{{"", here, true}, {"a", here, true}, {"b", here, true}, {"c", here, false}, {"c", there, true}}},
		"users at a shared address": {true, []call{{"", here, true}, {"", here, true}, {"", here, true}, {"", here, false}, {"a", here, true}}},
		"no user and no address":    {false, []call{{"", netip.Addr{}, true}, {"", netip.Addr{}, true}, {"", netip.Addr{}, true}, {"", netip.Addr{}, true}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limit := &ratelimit.ConcurrencyLimit{User: 2, Address: 3, Shared: c.shared}
			for range 2 { // released calls leave nothing behind
				var releases []func()
				for i, call := range c.calls {
					release, ok := limit.Acquire(call.user, call.from)
					if ok != call.ok {
						t.Errorf("call %d was allowed: %t, want %t", i, ok, call.ok)
					}
					if ok {
						releases = append(releases, release)
					}
				}
				for _, release := range releases {
					release()
				}
			}
		})
	}
}

func TestConcurrencyLimitCountsWhatCallsCost(t *testing.T) {
	t.Parallel()
	here := netip.MustParseAddr("203.0.113.5")
	limit := &ratelimit.ConcurrencyLimit{User: 10, Address: 100}
	release, ok := limit.AcquireN("minji", here, 25)
	if !ok {
		t.Fatal("a call that is dearer than the limit never begins")
	}
	if _, ok := limit.Acquire("minji", here); ok {
		t.Error("a call began beside one that is dearer than the limit")
	}
	release()
	if _, ok := limit.AcquireN("minji", here, 6); !ok {
		t.Error("refused after release")
	}
	if _, ok := limit.AcquireN("minji", here, 5); ok {
		t.Error("11 are under way")
	}
	if _, ok := limit.AcquireN("minji", here, 4); !ok {
		t.Error("10 are not allowed")
	}
}
