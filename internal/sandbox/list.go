package sandbox

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// column is a time of a payment, used by lists as filter or sort key.
type column string

const (
	startedAt   column = "started"
	paidAt      column = "paid"
	cancelledAt column = "cancelled"
	failedAt    column = "failed"
	updatedAt   column = "updated"
)

func (c column) readTime(r *record) int64 {
	switch c {
	case startedAt:
		return r.StartedAt
	case paidAt:
		return r.PaidAt
	case cancelledAt:
		return r.CancelledAt
	case failedAt:
		return r.FailedAt
	case updatedAt:
		return r.updated
	}
	return 0
}

// sorting is the order of a list: by a time, and by creation among equal times.
type sorting struct {
	by         column
	descending bool
}

// parseSorting reads a sorting's name (contract §1.5). The default is the newest attempt first.
func parseSorting(name string) (sorting, bool) {
	by, descending := strings.CutPrefix(cmp.Or(name, "-started"), "-")
	switch c := column(by); c {
	case startedAt, paidAt, updatedAt:
		return sorting{c, descending}, true
	}
	return sorting{}, false
}

func (s sorting) compareRecords(a, b *record) int {
	if s.descending {
		a, b = b, a
	}
	return cmp.Or(cmp.Compare(s.by.readTime(a), s.by.readTime(b)), cmp.Compare(a.seq, b.seq))
}

// listQuery selects the payments of a status whose time in the column lies between from and to,
// both included.
type listQuery struct {
	status   string // "all" is every status
	column   column
	from, to int64 // UNIX seconds
	sorting  sorting
}

// timelineKey names a timeline of the store.
type timelineKey struct {
	status string
	by     column
}

func (k timelineKey) matchesRecord(r *record) bool { return k.status == "all" || k.status == r.Status }

// sortedList is the result of the last query with a sort, valid until the store changes.
type sortedList struct {
	query   listQuery
	version int64
	records []*record
}

// listPage returns a page of the query's payments, and the number of payments on all pages. The
// page comes from a timeline, unless the query filters by one time and sorts by another and
// excludes some payments: then the payments of the period are sorted once, for all pages read
// before the next change.
func (s *store) listPage(q listQuery, p pageRequest) (page []*record, total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	source := s.timelineFor(timelineKey{q.status, q.column})
	first, end := source.rankOf(entry{at: q.from}), source.rankOf(entry{at: q.to, seq: math.MaxInt64})
	total = end - first
	if q.column != q.sorting.by {
		if total < source.length {
			start, end := p.sliceBounds(total)
			return s.sortedRange(q, source, first, total)[start:end], total
		}
		source = s.timelineFor(timelineKey{q.status, q.sorting.by})
	}
	start, stop := p.sliceBounds(total)
	if !q.sorting.descending {
		return source.sliceRecords(first+start, first+stop), total
	}
	page = source.sliceRecords(end-stop, end-start)
	slices.Reverse(page)
	return page, total
}

// timelineFor returns the timeline of the key. The first call builds the timeline; later changes of
// the store update the timeline. The caller holds the lock.
func (s *store) timelineFor(key timelineKey) *timeline {
	t, ok := s.timelines[key]
	if ok {
		return t
	}
	var records []*record
	for _, r := range s.byID.items {
		if key.matchesRecord(r) {
			records = append(records, r)
		}
	}
	t = newTimeline(key.by.readTime, records)
	s.timelines[key] = t
	return t
}

// sortedRange returns count records of the timeline from rank first on, in the query's order.
func (s *store) sortedRange(q listQuery, source *timeline, first, count int) []*record {
	if s.lastSorted.query != q || s.lastSorted.version != s.version {
		records := source.sliceRecords(first, first+count)
		slices.SortFunc(records, q.sorting.compareRecords)
		s.lastSorted = sortedList{q, s.version, records}
	}
	return s.lastSorted.records
}

// moveInTimelines puts the new record in the place of the old one, of which either may be nil.
func (s *store) moveInTimelines(old, updated *record) {
	s.version++
	for key, t := range s.timelines {
		if old != nil && key.matchesRecord(old) {
			t.removeRecord(old)
		}
		if updated != nil && key.matchesRecord(updated) {
			t.addRecord(updated)
		}
	}
}

// listCreated returns a page of all payments in order of creation, and how many there are.
func (s *store) listCreated(p pageRequest) (page []*record, total int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	total = len(s.byID.keys)
	start, end := p.sliceBounds(total)
	for _, id := range s.byID.keys[start:end] {
		page = append(page, s.byID.items[id])
	}
	return page, total
}
