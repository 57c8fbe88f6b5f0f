package sandbox

import (
	"math"
	"slices"
	"sync"
)

// record is a stored payment. A stored record never changes: a change stores a new record. So
// readers take a pointer under the lock and encode the record after.
type record struct {
	Payment
	seq         int64 // order of creation; settles ties between equal whole seconds
	updated     int64 // UNIX seconds
	generatedID bool  // the sandbox chose its imp_uid
	// The notice_url of request_pay, which replaces the configured one (contract §2.2).
	notices []string
}

// store holds all payments up to a limit; a full store forgets the oldest.
type store struct {
	mu      sync.RWMutex
	byID    *bounded[*record]
	byOrder map[string][]string // merchant_uid → imp_uid, in order of creation
	seq     int64

	timelines  map[timelineKey]*timeline // timelines used by lists so far
	version    int64                     // counts the changes
	lastSorted sortedList
}

func newStore(limit int) *store {
	return &store{
		byID: newBounded[*record](limit), byOrder: map[string][]string{}, timelines: map[timelineKey]*timeline{},
	}
}

func (s *store) findRecord(impUID string) (*record, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID.get(impUID)
}

// otherPayment returns the imp_uid of another payment: the oldest, or one that does not exist.
func (s *store) otherPayment(impUID string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if oldest := s.byID.keys; len(oldest) > 0 && oldest[0] != impUID {
		return oldest[0]
	}
	return "imp_" + randomDigits(12)
}

// listAttempts returns all payments of one order, in order of creation.
func (s *store) listAttempts(merchantUID string) []*record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []*record
	for _, id := range s.byOrder[merchantUID] {
		if r, ok := s.byID.get(id); ok {
			found = append(found, r)
		}
	}
	return found
}

// allRecords returns all payments in order of creation.
func (s *store) allRecords() []*record {
	everything, _ := s.listCreated(pageRequest{1, math.MaxInt64})
	return everything
}

// putPayment creates the payment, under a new imp_uid if the imp_uid is missing, or replaces the
// payment.
func (s *store) putPayment(p Payment, notices []string, now int64) *record {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := p.ImpUID == ""
	for p.ImpUID == "" {
		id := "imp_" + randomDigits(12)
		if _, taken := s.byID.get(id); !taken {
			p.ImpUID = id
		}
	}
	r := &record{Payment: p, notices: notices, updated: now, generatedID: made}
	if old, ok := s.byID.get(p.ImpUID); ok {
		r.seq, r.notices, r.generatedID = old.seq, old.notices, old.generatedID
	} else {
		s.seq++
		r.seq = s.seq
	}
	s.saveRecord(r)
	return r
}

// updatePayment stores a copy of the payment changed by change, unless change refuses.
func (s *store) updatePayment(impUID string, now int64, change func(*record) error) (*record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.byID.get(impUID)
	if !ok {
		return nil, errPaymentNotFound
	}
	changed := *old
	changed.updated = now
	if err := change(&changed); err != nil {
		return nil, err
	}
	s.saveRecord(&changed)
	return &changed, nil
}

// everPaid tells whether the order was ever paid, even if cancelled since.
func (s *store) everPaid(merchantUID string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.everPaidLocked(merchantUID)
}

func (s *store) everPaidLocked(merchantUID string) bool {
	return slices.ContainsFunc(s.byOrder[merchantUID], func(id string) bool {
		r, ok := s.byID.get(id)
		return ok && r.PaidAt != 0
	})
}

func (s *store) saveRecord(r *record) {
	old, known := s.byID.get(r.ImpUID)
	if dropped, ok := s.byID.put(r.ImpUID, r); ok {
		s.removeFromOrder(dropped)
		s.moveInTimelines(dropped, nil)
	}
	s.moveInTimelines(old, r)
	if known && old.MerchantUID == r.MerchantUID {
		return
	}
	if known {
		s.removeFromOrder(old)
	}
	s.byOrder[r.MerchantUID] = append(s.byOrder[r.MerchantUID], r.ImpUID)
}

func (s *store) removeFromOrder(r *record) {
	ids := s.byOrder[r.MerchantUID]
	if at := slices.Index(ids, r.ImpUID); at >= 0 {
		ids = slices.Delete(ids, at, at+1)
	}
	if len(ids) == 0 {
		delete(s.byOrder, r.MerchantUID)
		return
	}
	s.byOrder[r.MerchantUID] = ids
}

// bounded is a map with a limit: a full map forgets the oldest key. bounded does not lock.
type bounded[V any] struct {
	limit int
	items map[string]V
	keys  []string // oldest first
}

func newBounded[V any](limit int) *bounded[V] {
	return &bounded[V]{limit: limit, items: map[string]V{}}
}

func (b *bounded[V]) get(key string) (V, bool) {
	v, ok := b.items[key]
	return v, ok
}

// put stores v and returns the value dropped for v, if there is one.
func (b *bounded[V]) put(key string, v V) (dropped V, ok bool) {
	if _, known := b.items[key]; !known {
		if len(b.keys) >= b.limit {
			oldest := b.keys[0]
			dropped, ok = b.items[oldest], true
			delete(b.items, oldest)
			b.keys = b.keys[1:]
		}
		b.keys = append(b.keys, key)
	}
	b.items[key] = v
	return dropped, ok
}
