package ratelimit

import (
	"container/heap"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBuckets bounds the memory of Buckets: about 3 MB, whoever calls.
const maxBuckets = 10_000

// Buckets are token buckets, one for each key. A nil one refuses nobody. They are safe for concurrent use.
//
// A full bucket is as good as none, so those are forgotten, and when there are too many all the same, the fullest is.
// So whoever comes under ever new keys pushes out their own new buckets, and not the empty one they were refused
// for. Who is pushed out starts with a full bucket: nobody is refused for what others do.
type Buckets[K comparable] struct {
	limit rate.Limit
	burst int

	mu    sync.Mutex
	byKey map[K]*bucket[K]
	queue queue[K] // the one that is full soonest first
}

// NewBuckets makes buckets that hold burst tokens and gain limit tokens a second. With rate.Inf nobody is refused.
func NewBuckets[K comparable](limit rate.Limit, burst int) *Buckets[K] {
	return &Buckets[K]{limit: limit, burst: burst, byKey: map[K]*bucket[K]{}}
}

// Take takes a token from key's bucket and returns 0, or, if there is none, how long it takes until there is one.
func (b *Buckets[K]) Take(key K) (wait time.Duration) {
	if b == nil || b.limit == rate.Inf {
		return 0
	}
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	mine := b.bucket(key)
	taken := mine.ReserveN(now, 1)
	if wait = taken.DelayFrom(now); wait > 0 {
		taken.CancelAt(now)
	}
	missing := float64(b.burst) - mine.TokensAt(now)
	mine.full = now.Add(time.Duration(missing / float64(b.limit) * float64(time.Second)))
	heap.Fix(&b.queue, mine.place)
	b.forget(now)
	return wait
}

// bucket is key's, a full one if it has none yet.
func (b *Buckets[K]) bucket(key K) *bucket[K] {
	mine, ok := b.byKey[key]
	if !ok {
		mine = &bucket[K]{Limiter: rate.NewLimiter(b.limit, b.burst), key: key}
		b.byKey[key] = mine
		heap.Push(&b.queue, mine)
	}
	return mine
}

func (b *Buckets[K]) forget(now time.Time) {
	for len(b.queue) > maxBuckets || !b.queue[0].full.After(now) {
		delete(b.byKey, heap.Pop(&b.queue).(*bucket[K]).key)
		if len(b.queue) == 0 {
			return
		}
	}
}

// bucket is one key's.
type bucket[K comparable] struct {
	*rate.Limiter

	key   K
	full  time.Time // when it is, if nobody takes anything meanwhile
	place int       // in the queue
}

// queue is a heap.Interface.
type queue[K comparable] []*bucket[K]

func (q queue[K]) Len() int           { return len(q) }
func (q queue[K]) Less(i, j int) bool { return q[i].full.Before(q[j].full) }

func (q queue[K]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push adds a *bucket[K] at the end, for package heap.
func (q *queue[K]) Push(x any) {
	b := x.(*bucket[K])
	b.place = len(*q)
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
