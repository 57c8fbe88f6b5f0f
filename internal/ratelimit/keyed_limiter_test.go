package ratelimit

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"pointcharge/internal/longtest"
)

// size returns the number of buckets.
func (l *KeyedLimiter[K]) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buckets) != len(l.queue) {
		panic("a bucket is in the map or in the queue, but not in both")
	}
	return len(l.queue)
}

// pass lets time pass, in a bubble of synctest.
func advance(d time.Duration) { <-time.After(d) }

func TestKeyedLimiterAllowsABurstThenTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewKeyedLimiter[string](2, 3)
		want := func(wait time.Duration) {
			t.Helper()
			if got := l.Take("minji"); got != wait {
				t.Errorf("wait %s, want %s", got, wait)
			}
		}
		want(0)
		want(0)
		want(0)
		want(500 * time.Millisecond)
		want(500 * time.Millisecond) // a refused call takes no token
		advance(250 * time.Millisecond)
		want(250 * time.Millisecond)
		advance(250 * time.Millisecond)
		want(0)
		want(500 * time.Millisecond)
		advance(time.Hour)
		want(0)
		want(0)
		want(0)
		want(500 * time.Millisecond)
		if got := l.Take("junho"); got != 0 {
			t.Errorf("junho waits %s because of minji", got)
		}
	})
}

func TestFullBucketsAreDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewKeyedLimiter[int](1, 5)
		for key := range 1000 {
			l.Take(key)
		}
		advance(time.Second)
		l.Take(-1)
		if got := l.size(); got != 1 {
			t.Errorf("%d buckets are kept", got)
		}
	})
}

// TestAMillionKeysAreBoundedAndChangeNothingForOtherKeys takes three times as many keys as are
// kept, and a million with LONG=1.
func TestAMillionKeysAreBoundedAndChangeNothingForOtherKeys(t *testing.T) {
	t.Parallel()
	keys := longtest.Size(3*maxKeys, 1_000_000)
	synctest.Test(t, func(t *testing.T) {
		l := NewKeyedLimiter[int](1, 5)
		const greedy, victim = -1, -2
		for range 5 {
			l.Take(greedy)
		}
		l.Take(victim)
		for key := range keys {
			if l.Take(key) != 0 {
				t.Fatalf("key %d was refused because of other keys", key)
			}
		}
		if got := l.size(); got != maxKeys {
			t.Errorf("%d buckets are kept, want %d", got, maxKeys)
		}
		if l.Take(greedy) == 0 {
			t.Error("new keys pushed out the greedy key's empty bucket")
		}
		if l.Take(victim) != 0 {
			t.Error("the victim was refused because of new keys")
		}
	})
}

func TestConcurrentCallsGetNoMoreThanTheBurst(t *testing.T) {
	t.Parallel()
	l := NewKeyedLimiter[string](rate.Every(time.Hour), 50)
	var callers sync.WaitGroup
	var allowed atomic.Int64
	for range 40 {
		callers.Go(func() {
			for range 10 {
				if l.Take("minji") == 0 {
					allowed.Add(1)
				}
			}
		})
	}
	callers.Wait()
	if allowed.Load() != 50 {
		t.Errorf("%d calls were allowed, want 50", allowed.Load())
	}
}

func TestDearCallsTakeWhatTheyCost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewKeyedLimiter[string](2, 10)
		want := func(n int, wait time.Duration) {
			t.Helper()
			if got := l.TakeN("minji", n); got != wait {
				t.Errorf("%d tokens: wait %s, want %s", n, got, wait)
			}
		}
		want(4, 0)
		want(4, 0)
		want(4, time.Second) // two are missing, and none is taken
		want(2, 0)
		advance(2500 * time.Millisecond)
		want(20, 0) // a bucket that is half full owes fifteen
		want(1, 8*time.Second)
		want(25, 10*time.Second)
		advance(8 * time.Second)
		want(1, 0)
		l.Debit("junho", 31)
		if got := l.Take("junho"); got != 11*time.Second {
			t.Errorf("after a debit of 31 junho waits %s", got)
		}
	})
}
