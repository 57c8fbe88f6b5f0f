package ratelimit

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

func TestUnlimitedAllowsEveryCallAndCountsNothing(t *testing.T) {
	t.Parallel()
	unlimited := NewLimit(Rate{Limit: rate.Inf}, Rate{Limit: rate.Inf})
	var none *Limit
	for range 1000 {
		if unlimited.Take("minji", netip.MustParseAddr("192.0.2.1")) != 0 || none.Take("minji", netip.Addr{}) != 0 {
			t.Fatal("a call was refused")
		}
	}
	if unlimited.users.size()+unlimited.addresses.size() != 0 {
		t.Error("an unlimited Limit counts calls")
	}
}

func TestLimitCountsUsersAndAddresses(t *testing.T) {
	t.Parallel()
	one := Rate{Limit: rate.Every(time.Hour), Burst: 1}
	many := Rate{Limit: rate.Every(time.Hour), Burst: 100}
	shared := func(l *Limit) *Limit { l.Shared = true; return l }
	type call struct{ user, address string }
	for name, test := range map[string]struct {
		limit         *Limit
		first, second call
		refused       bool
	}{
		"a user, another address":      {NewLimit(one, many), call{"minji", "192.0.2.1"}, call{"minji", "192.0.2.2"}, true},
		"another user":                 {NewLimit(one, many), call{"minji", "192.0.2.1"}, call{"junho", "192.0.2.1"}, false},
		"another user, same address":   {NewLimit(many, one), call{"minji", "192.0.2.1"}, call{"junho", "192.0.2.1"}, true},
		"another user, shared address": {shared(NewLimit(many, one)), call{"minji", "192.0.2.1"}, call{"junho", "192.0.2.1"}, false},
		"a user, shared address":       {shared(NewLimit(one, many)), call{"minji", "192.0.2.1"}, call{"minji", "192.0.2.1"}, true},
		"no user, shared address":      {shared(NewLimit(many, one)), call{"", "192.0.2.1"}, call{"", "192.0.2.1"}, true},
		"no user, then a user":         {shared(NewLimit(one, one)), call{"", "192.0.2.1"}, call{"minji", "192.0.2.1"}, false},
		"another address":              {NewLimit(many, one), call{"minji", "192.0.2.1"}, call{"minji", "192.0.2.2"}, false},
		"the same IPv6 network":        {NewLimit(many, one), call{"", "2001:db8::1"}, call{"", "2001:db8::ffff:1"}, true},
		"the next IPv6 network":        {NewLimit(many, one), call{"", "2001:db8::1"}, call{"", "2001:db8:0:1::1"}, false},
		"no user, no limit for it":     {NewLimit(one, many), call{"", "192.0.2.1"}, call{"", "192.0.2.1"}, false},
		"no user, no address":          {NewLimit(one, one), call{"", ""}, call{"", ""}, false},
		"a user, no address":           {NewLimit(one, one), call{"minji", ""}, call{"minji", ""}, true},
		"another user, no address":     {NewLimit(one, one), call{"minji", ""}, call{"junho", ""}, false},
	} {
		take := func(c call) time.Duration {
			address, _ := netip.ParseAddr(c.address)
			return test.limit.Take(c.user, address)
		}
		if take(test.first) != 0 {
			t.Errorf("%s: the first was refused", name)
		}
		if wait := take(test.second); (wait > 0) != test.refused {
			t.Errorf("%s: the second waits %s", name, wait)
		}
	}
}

func TestARefusedUserTakesNothingFromTheAddress(t *testing.T) {
	t.Parallel()
	here := netip.MustParseAddr("192.0.2.1")
	limit := NewLimit(Rate{Limit: rate.Every(time.Hour), Burst: 5}, Rate{Limit: rate.Every(time.Hour), Burst: 10})
	for range 50 {
		limit.TakeN("minji", here, 5)
	}
	if limit.TakeN("junho", here, 5) != 0 {
		t.Error("minji's refused calls used up junho's")
	}
	if limit.Take("seoyeon", here) == 0 {
		t.Error("the address has more calls than its limit")
	}
}
