package fault

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
)

const (
	rateUnit  = 100 * wholeShare // fine enough for a rate shared by many faults
	maxEvents = 100_000          // remembered by a plan; beyond the limit the oldest counts as new
)

// activePlan is a plan at work.
type activePlan struct {
	plan  Plan
	rules []*activeRule
	over  chan struct{} // closed when another plan replaces the plan

	mu    sync.Mutex       // guards the rest, and left in the rules
	turns *bounded[uint64] // how often each event happened before
	owed  *bounded[bool]   // requests that failed with 500 and will succeed next time
}

// activeRule is a rule with its numbers parsed.
type activeRule struct {
	Rule
	event Event
	share int64 // of rateUnit
	left  int   // remaining occurrences; negative is unlimited
}

// newActivePlan parses the plan's rules and spreads its rate over all faults.
func newActivePlan(p Plan) *activePlan {
	a := &activePlan{
		plan: p, over: make(chan struct{}),
		turns: newBounded[uint64](maxEvents), owed: newBounded[bool](maxEvents),
	}
	for _, r := range p.Rules {
		share, _ := parseShare(r.Rate, wholeShare) // Check has accepted the rate
		left := r.Count
		if left == 0 {
			left = -1
		}
		a.rules = append(a.rules, &activeRule{r, eventOf(r.Name), share * (rateUnit / wholeShare), left})
	}
	if rate, _ := parseShare(p.Rate, 0); rate > 0 {
		a.addAll(rate)
	}
	return a
}

// addAll adds every fault, so that the faults of one event share the rate.
func (a *activePlan) addAll(rate int64) {
	for _, e := range allEvents() {
		names := slices.DeleteFunc(namesOf(e), onlyByRule)
		share := rate * (rateUnit / wholeShare) / int64(len(names))
		for _, name := range names {
			a.rules = append(a.rules, &activeRule{Rule{Name: name}, e, share, -1})
		}
	}
}

// newGenerator returns the generator of this event's next turn.
func (a *activePlan) newGenerator(e Event, about string) *rand.Rand {
	key := string(e) + " " + about
	a.mu.Lock()
	turn, _ := a.turns.get(key)
	a.turns.put(key, turn+1)
	a.mu.Unlock()
	// A weaker hash would give neighbours, such as one turn and the next, similar numbers.
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%s\n%d", a.plan.Seed, key, turn))
	pcg := rand.NewPCG(binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:]))
	return rand.New(pcg) //nolint:gosec // a fault is no secret, and must be repeatable
}

// pickRule returns the rule that owns the drawn number, or one without a name.
func (a *activePlan) pickRule(e Event, drawn int64, applies func(Rule) bool) Rule {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.rules {
		if r.event != e || r.left == 0 || !applies(r.Rule) {
			continue
		}
		if drawn < r.share {
			r.left = max(r.left-1, -1)
			return r.Rule
		}
		drawn -= r.share
	}
	return Rule{}
}
