//go:build unix

package torture_test

import (
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
)

// journal is what the clients did and were told: promises that the books must keep.
type journal struct {
	mu      sync.Mutex
	orders  map[string]purchase // by merchant_uid; those whose answer arrived
	charges map[string][]string // imp_uid → ids of CHARGE lines that somebody was given
	spends  map[string]*spend   // by reference
	refunds map[string]*refund  // by reason, which is the reference of a user's
	decided map[string]decision // what operators asked for, by reason
}

// purchase is an order that somebody opened.
type purchase struct{ user, product string }

type spend struct {
	user   string
	amount int64
	confirmed   bool // that it succeeded
}

type refund struct {
	impUID string
	amount int64 // won, or allOfIt
}

// wholeRest is what an operator gives back: whatever is left.
const wholeRest = -1

func newJournal() *journal {
	return &journal{orders: map[string]purchase{}, charges: map[string][]string{}, spends: map[string]*spend{},
		refunds: map[string]*refund{}, decided: map[string]decision{}}
}

func (j *journal) recordOrder(merchantUID string, p purchase) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.orders[merchantUID] = p
}

func (j *journal) recordCharge(impUID, line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.charges[impUID] = append(j.charges[impUID], line)
}

func (j *journal) recordSpendRequest(reference string, s *spend) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.spends[reference] = s
}

func (j *journal) recordSpendSuccess(reference string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.spends[reference].confirmed = true
}

func (j *journal) recordRefundRequest(reference string, r *refund) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refunds[reference] = r
}

// recordDecision remembers a decision before it is asked for.
func (j *journal) recordDecision(d decision) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.decided[d.Reason] = d
	if d.Action == "REFUND" {
		j.refunds[d.Reason] = &refund{d.ImpUID, wholeRest}
	}
}

// logBuffer is an io.Writer that remembers lines and finds those about something.
type logBuffer struct {
	mu   sync.Mutex
	text []byte
}

func (r *logBuffer) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = append(r.text, p...)
	return len(p), nil
}

// linesWith are the lines with one of the words, at most so many.
func (r *logBuffer) linesWith(most int, words ...string) (found []string) {
	for line := range r.lines() {
		if len(found) < most && slices.ContainsFunc(words, func(w string) bool { return strings.Contains(line, w) }) {
			found = append(found, line)
		}
	}
	return found
}

// lastLines are the newest lines.
func (r *logBuffer) lastLines(most int) []string {
	all := slices.Collect(r.lines())
	return all[max(0, len(all)-most):]
}

func (r *logBuffer) countLines(word string) int { return len(r.linesWith(math.MaxInt, word)) }

func (r *logBuffer) bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.text)
}

func (r *logBuffer) lines() iter.Seq[string] {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Lines(string(r.text))
}
