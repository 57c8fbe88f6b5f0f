package ratelimit

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
)

func (b *KeyedLimiter[K]) size() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.buckets) != len(b.queue) {
		panic("a bucket is only half forgotten")
	}
	return len(b.queue)
}

// pass lets time pass, in a bubble of synctest.
func pass(d time.Duration) { <-time.After(d) }

func TestABurstThenOneAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewKeyedLimiter[string](2, 3)
		want := func(wait time.Duration) {
			t.Helper()
			if got := b.Take("minji"); got != wait {
				t.Errorf("wait %s, want %s", got, wait)
			}
		}
		want(0)
		want(0)
		want(0)
		want(500 * time.Millisecond)
		want(500 * time.Millisecond) // who is refused owes nothing
		pass(250 * time.Millisecond)
		want(250 * time.Millisecond)
		pass(250 * time.Millisecond)
		want(0)
		want(500 * time.Millisecond)
		pass(time.Hour)
		want(0)
		want(0)
		want(0)
		want(500 * time.Millisecond)
		if got := b.Take("junho"); got != 0 {
			t.Errorf("junho waits %s for minji", got)
		}
	})
}

func TestFullBucketsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewKeyedLimiter[int](1, 5)
		for key := range 1000 {
			b.Take(key)
		}
		pass(time.Second)
		b.Take(-1)
		if got := b.size(); got != 1 {
			t.Errorf("%d buckets are kept", got)
		}
	})
}

func TestAMillionKeysAreBoundedAndNeitherFreeNorRefuseAnybody(t *testing.T) {
	t.Parallel()
	keys := 1_000_000
	if testing.Short() {
		keys = 3 * maxKeys
	}
	synctest.Test(t, func(t *testing.T) {
		b := NewKeyedLimiter[int](1, 5)
		const greedy, victim = -1, -2
		for range 5 {
			b.Take(greedy)
		}
		b.Take(victim)
		for key := range keys {
			if b.Take(key) != 0 {
				t.Fatalf("key %d was refused for what others do", key)
			}
		}
		if got := b.size(); got != maxKeys {
			t.Errorf("%d buckets are kept, want %d", got, maxKeys)
		}
		if b.Take(greedy) == 0 {
			t.Error("new keys emptied the greedy one's debt")
		}
		if b.Take(victim) != 0 {
			t.Error("new keys got the victim refused")
		}
	})
}

func TestManyAtOnceGetNoMoreThanTheBurst(t *testing.T) {
	t.Parallel()
	b := NewKeyedLimiter[string](rate.Every(time.Hour), 50)
	var callers sync.WaitGroup
	var let atomic.Int64
	for range 40 {
		callers.Go(func() {
			for range 10 {
				if b.Take("minji") == 0 {
					let.Add(1)
				}
			}
		})
	}
	callers.Wait()
	if let.Load() != 50 {
		t.Errorf("%d were let through, want 50", let.Load())
	}
}

func TestOffIsOff(t *testing.T) {
	t.Parallel()
	off := NewLimit(Rate{Limit: rate.Inf}, Rate{Limit: rate.Inf})
	var none *Limit
	for range 1000 {
		if off.Take("minji", netip.MustParseAddr("192.0.2.1")) != 0 || none.Take("minji", netip.Addr{}) != 0 {
			t.Fatal("somebody was refused")
		}
	}
	if off.users.size()+off.addresses.size() != 0 {
		t.Error("it counts all the same")
	}
}

func TestALimitCountsUsersAndAddresses(t *testing.T) {
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
		"a user, elsewhere":          {NewLimit(one, many), call{"minji", "192.0.2.1"}, call{"minji", "192.0.2.2"}, true},
		"another user":               {NewLimit(one, many), call{"minji", "192.0.2.1"}, call{"junho", "192.0.2.1"}, false},
		"another user, same place":   {NewLimit(many, one), call{"minji", "192.0.2.1"}, call{"junho", "192.0.2.1"}, true},
		"another user, shared place": {shared(NewLimit(many, one)), call{"minji", "192.0.2.1"}, call{"junho", "192.0.2.1"}, false},
		"a user, shared place":       {shared(NewLimit(one, many)), call{"minji", "192.0.2.1"}, call{"minji", "192.0.2.1"}, true},
		"nobody, shared place":       {shared(NewLimit(many, one)), call{"", "192.0.2.1"}, call{"", "192.0.2.1"}, true},
		"nobody, then a user":        {shared(NewLimit(one, one)), call{"", "192.0.2.1"}, call{"minji", "192.0.2.1"}, false},
		"another place":              {NewLimit(many, one), call{"minji", "192.0.2.1"}, call{"minji", "192.0.2.2"}, false},
		"the same IPv6 network":      {NewLimit(many, one), call{"", "2001:db8::1"}, call{"", "2001:db8::ffff:1"}, true},
		"the next IPv6 network":      {NewLimit(many, one), call{"", "2001:db8::1"}, call{"", "2001:db8:0:1::1"}, false},
		"nobody, twice":              {NewLimit(one, many), call{"", "192.0.2.1"}, call{"", "192.0.2.1"}, false},
		"nobody from nowhere":        {NewLimit(one, one), call{"", ""}, call{"", ""}, false},
		"somebody from nowhere":      {NewLimit(one, one), call{"minji", ""}, call{"minji", ""}, true},
		"somebody else from nowhere": {NewLimit(one, one), call{"minji", ""}, call{"junho", ""}, false},
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
