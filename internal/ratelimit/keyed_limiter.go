package ratelimit

import (
	"container/heap"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxKeys bounds the memory of a KeyedLimiter to about 3 MB, however many keys are used.
const maxKeys = 10_000

// KeyedLimiter limits the rate of each key by a token bucket per key. A nil KeyedLimiter allows
// every call. The limiter is safe for concurrent use.
//
// A missing bucket counts as full, so full buckets are deleted. With more than maxKeys, the fullest
// bucket is deleted as well. A caller with ever new keys therefore pushes out its own new buckets,
// and not the empty bucket of a refused key. A key with a deleted bucket starts with a full bucket:
// other keys never cause a refusal.
type KeyedLimiter[K comparable] struct {
	limit rate.Limit
	burst int

	mu      sync.Mutex
	buckets map[K]*bucket[K]
	queue   bucketQueue[K] // the bucket that is full soonest comes first
}

// NewKeyedLimiter returns a limiter whose buckets hold burst tokens and gain limit tokens a second.
// A limit of rate.Inf allows every call.
func NewKeyedLimiter[K comparable](limit rate.Limit, burst int) *KeyedLimiter[K] {
	return &KeyedLimiter[K]{limit: limit, burst: burst, buckets: map[K]*bucket[K]{}}
}

// Take takes a token from the key's bucket and returns 0. From an empty bucket, Take takes nothing
// and returns the time until the next token.
func (l *KeyedLimiter[K]) Take(key K) (wait time.Duration) { return l.TakeN(key, 1) }

// TakeN takes n tokens from the key's bucket and returns 0. With fewer tokens, TakeN takes nothing
// and returns the time until there are enough. A half full bucket allows more than half of its
// size, and owes the rest: every n is affordable, also after a few other calls, at its full cost.
func (l *KeyedLimiter[K]) TakeN(key K, n int) (wait time.Duration) {
	l.update(key, func(b *bucket[K], now time.Time) {
		first := min(n, max(1, l.burst/2))
		tokens := b.ReserveN(now, first)
		if wait = tokens.DelayFrom(now); wait > 0 {
			tokens.CancelAt(now)
			return
		}
		b.owe(now, n-first)
	})
	return wait
}

// Debit takes n tokens from the key's bucket. The bucket owes missing tokens.
func (l *KeyedLimiter[K]) Debit(key K, n int) {
	l.update(key, func(b *bucket[K], now time.Time) { b.owe(now, n) })
}

// update changes the key's bucket.
func (l *KeyedLimiter[K]) update(key K, change func(*bucket[K], time.Time)) {
	if l == nil || l.limit == rate.Inf {
		return
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucketOf(key)
	change(b, now)
	missing := float64(l.burst) - b.TokensAt(now)
	b.fullAt = now.Add(time.Duration(missing / float64(l.limit) * float64(time.Second)))
	heap.Fix(&l.queue, b.index)
	l.evict(now)
}

// bucketOf returns the key's bucket. A new key gets a full one.
func (l *KeyedLimiter[K]) bucketOf(key K) *bucket[K] {
	b, ok := l.buckets[key]
	if !ok {
		b = &bucket[K]{Limiter: rate.NewLimiter(l.limit, l.burst), key: key}
		l.buckets[key] = b
		heap.Push(&l.queue, b)
	}
	return b
}

// evict deletes full buckets, and the fullest ones of more than maxKeys.
func (l *KeyedLimiter[K]) evict(now time.Time) {
	for len(l.queue) > maxKeys || !l.queue[0].fullAt.After(now) {
		delete(l.buckets, heap.Pop(&l.queue).(*bucket[K]).key)
		if len(l.queue) == 0 {
			return
		}
	}
}

// bucket is the token bucket of one key.
type bucket[K comparable] struct {
	*rate.Limiter

	key    K
	fullAt time.Time // if no more tokens are taken
	index  int       // in the queue
}

// owe takes n tokens, also tokens not gained yet.
func (b *bucket[K]) owe(now time.Time, n int) {
	for n > 0 { // the library takes no more at a time than a bucket holds
		part := min(n, b.Burst())
		b.ReserveN(now, part)
		n -= part
	}
}

// bucketQueue implements heap.Interface.
type bucketQueue[K comparable] []*bucket[K]

func (q bucketQueue[K]) Len() int           { return len(q) }
func (q bucketQueue[K]) Less(i, j int) bool { return q[i].fullAt.Before(q[j].fullAt) }

func (q bucketQueue[K]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push appends a *bucket[K], for container/heap.
func (q *bucketQueue[K]) Push(x any) {
	b := x.(*bucket[K])
	b.index = len(*q)
	*q = append(*q, b)
}

// Pop removes the last bucket, for container/heap.
func (q *bucketQueue[K]) Pop() any {
	last := len(*q) - 1
	b := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return b
}
