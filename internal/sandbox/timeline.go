package sandbox

import (
	"cmp"
	"slices"
)

// maxChunk bounds the entries moved by one insertion.
const maxChunk = 1024

// timeline holds records in the order of one time, then of creation. A timeline finds a record by
// rank, so a page in the middle of a million payments costs no sort. timeline does not lock.
type timeline struct {
	at     func(*record) int64
	chunks [][]entry // in order, without empty chunks
	length int
}

// entry repeats the record's sort key, so that a comparison need not read the record.
type entry struct {
	at, seq int64
	record  *record
}

func compareEntries(a, b entry) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq))
}

func newTimeline(at func(*record) int64, records []*record) *timeline {
	t := &timeline{at: at, length: len(records)}
	entries := make([]entry, len(records))
	for i, r := range records {
		entries[i] = t.newEntry(r)
	}
	slices.SortFunc(entries, compareEntries)
	for chunk := range slices.Chunk(entries, maxChunk/2) {
		t.chunks = append(t.chunks, slices.Clone(chunk))
	}
	return t
}

func (t *timeline) newEntry(r *record) entry { return entry{t.at(r), r.seq, r} }

// findEntry returns the chunk and the place of the entry, or the place for a new entry.
func (t *timeline) findEntry(e entry) (chunk, place int) {
	chunk, _ = slices.BinarySearchFunc(t.chunks, e, func(c []entry, e entry) int {
		return compareEntries(c[len(c)-1], e)
	})
	if chunk == len(t.chunks) {
		return chunk, 0
	}
	place, _ = slices.BinarySearchFunc(t.chunks[chunk], e, compareEntries)
	return chunk, place
}

func (t *timeline) addRecord(r *record) {
	e := t.newEntry(r)
	i, place := t.findEntry(e)
	t.length++
	switch {
	case len(t.chunks) == 0:
		t.chunks = [][]entry{{e}}
		return
	case i == len(t.chunks): // newest of all, as most are
		i--
		place = len(t.chunks[i])
	}
	t.chunks[i] = slices.Insert(t.chunks[i], place, e)
	if full := t.chunks[i]; len(full) > maxChunk {
		half := len(full) / 2
		if place == len(full)-1 {
			half = len(full) - 1 // more is going to be added at the end: leave the chunk full
		}
		t.chunks[i] = full[:half:half]
		t.chunks = slices.Insert(t.chunks, i+1, slices.Clone(full[half:]))
	}
}

// removeRecord removes a record of the timeline.
func (t *timeline) removeRecord(r *record) {
	i, place := t.findEntry(t.newEntry(r))
	t.chunks[i] = slices.Delete(t.chunks[i], place, place+1)
	if len(t.chunks[i]) == 0 {
		t.chunks = slices.Delete(t.chunks, i, i+1)
	}
	t.length--
}

// rankOf returns how many records come before the entry.
func (t *timeline) rankOf(e entry) int {
	i, place := t.findEntry(e)
	for _, c := range t.chunks[:i] {
		place += len(c)
	}
	return place
}

// sliceRecords returns the records from rank start up to, but without, rank end.
func (t *timeline) sliceRecords(start, end int) []*record {
	found := make([]*record, 0, end-start)
	for _, c := range t.chunks {
		if len(found) == cap(found) {
			break
		}
		if start >= len(c) {
			start -= len(c)
			continue
		}
		for _, e := range c[start:min(len(c), start+cap(found)-len(found))] {
			found = append(found, e.record)
		}
		start = 0
	}
	return found
}
