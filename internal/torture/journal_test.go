//go:build unix

package torture_test

import (
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
)

// journal records the clients' requests and the answers: promises that the books must keep.
type journal struct {
	mu      sync.Mutex
	orders  map[string]purchase // by merchant_uid; only orders whose answer arrived
	charges map[string][]string // imp_uid → ids of CHARGE lines that calls returned
	spends  map[string]*spend   // by reference
	refunds map[string]*refund  // by reason, which equals the reference of a user's refund
	decided map[string]decision // requests of operators, by reason
}

// purchase is an order that a client opened.
type purchase struct{ user, product string }

type spend struct {
	user      string
	amount    int64
	confirmed bool // a call returned success
}

type refund struct {
	impUID string
	amount int64 // won, or wholeRest
}

// wholeRest is the amount of an operator's refund: the whole rest.
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

// recordDecision records a decision before the command runs.
func (j *journal) recordDecision(d decision) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.decided[d.Reason] = d
	if d.Action == "REFUND" {
		j.refunds[d.Reason] = &refund{d.ImpUID, wholeRest}
	}
}

// logBuffer is a log that finds lines by a word.
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

// linesWith returns the first lines with one of the words, at most so many.
func (r *logBuffer) linesWith(most int, words ...string) (found []string) {
	for line := range r.lines() {
		if len(found) < most && slices.ContainsFunc(words, func(w string) bool { return strings.Contains(line, w) }) {
			found = append(found, line)
		}
	}
	return found
}

// lastLines returns the newest lines, at most so many.
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
