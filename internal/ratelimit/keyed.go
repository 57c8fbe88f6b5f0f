package ratelimit

import (
	"container/heap"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxKeys bounds the memory of Buckets: about 3 MB, whoever calls.
const maxKeys = 10_000

// KeyedLimiter are token buckets, one for each key. A nil one refuses nobody. They are safe for concurrent use.
//
// A full bucket is as good as none, so those are forgotten, and when there are too many all the same, the fullest is.
// So whoever comes under ever new keys pushes out their own new buckets, and not the empty one they were refused
// for. Who is pushed out starts with a full bucket: nobody is refused for what others do.
type KeyedLimiter[K comparable] struct {
	limit rate.Limit
	burst int

	mu      sync.Mutex
	buckets map[K]*bucket[K]
	queue   queue[K] // the one that is full soonest first
}

// NewKeyedLimiter makes buckets that hold burst tokens and gain limit tokens a second. With rate.Inf nobody is refused.
func NewKeyedLimiter[K comparable](limit rate.Limit, burst int) *KeyedLimiter[K] {
	return &KeyedLimiter[K]{limit: limit, burst: burst, buckets: map[K]*bucket[K]{}}
}

// Take takes a token from key's bucket and returns 0, or, if there is none, how long it takes until there is one.
func (b *KeyedLimiter[K]) Take(key K) (wait time.Duration) {
	if b == nil || b.limit == rate.Inf {
		return 0
	}
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	mine := b.bucketOf(key)
	taken := mine.ReserveN(now, 1)
	if wait = taken.DelayFrom(now); wait > 0 {
		taken.CancelAt(now)
	}
	missing := float64(b.burst) - mine.TokensAt(now)
	mine.fullAt = now.Add(time.Duration(missing / float64(b.limit) * float64(time.Second)))
	heap.Fix(&b.queue, mine.index)
	b.evict(now)
	return wait
}

// bucketOf is key's, a full one if it has none yet.
func (b *KeyedLimiter[K]) bucketOf(key K) *bucket[K] {
	mine, ok := b.buckets[key]
	if !ok {
		mine = &bucket[K]{Limiter: rate.NewLimiter(b.limit, b.burst), key: key}
		b.buckets[key] = mine
		heap.Push(&b.queue, mine)
	}
	return mine
}

func (b *KeyedLimiter[K]) evict(now time.Time) {
	for len(b.queue) > maxKeys || !b.queue[0].fullAt.After(now) {
		delete(b.buckets, heap.Pop(&b.queue).(*bucket[K]).key)
		if len(b.queue) == 0 {
			return
		}
	}
}

// bucket is one key's.
type bucket[K comparable] struct {
	*rate.Limiter

	key    K
	fullAt time.Time // when it is, if nobody takes anything meanwhile
	index  int       // in the queue
}

// queue is a heap.Interface.
type queue[K comparable] []*bucket[K]

func (q queue[K]) Len() int           { return len(q) }
func (q queue[K]) Less(i, j int) bool { return q[i].fullAt.Before(q[j].fullAt) }

func (q queue[K]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push adds a *bucket[K] at the end, for package heap.
func (q *queue[K]) Push(x any) {
	b := x.(*bucket[K])
	b.index = len(*q)
	*q = append(*q, b)
}

// Pop takes the last one off, for package heap.
func (q *queue[K]) Pop() any {
	last := len(*q) - 1
	b := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return b
}
