package sandbox

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// faults is what is to go wrong at present, and what did.
type faults struct {
	log  *slog.Logger
	down atomic.Bool
	now  atomic.Pointer[regime] // nil while nothing is to go wrong

	mu       sync.Mutex // orders changes of now; guards injected
	injected map[string]int
}

// regime is a plan at work.
type regime struct {
	plan  Plan
	rules []*rule
	over  chan struct{} // closed when another plan has come

	mu    sync.Mutex       // guards the rest, and left in the rules
	turns *bounded[uint64] // how often each event happened before
	owed  *bounded[bool]   // requests that failed with 500 and are to succeed now
}

// rule is a fault with its numbers read.
type rule struct {
	Fault
	event event
	share int64 // of rateUnit
	left  int   // negative is without end
}

const (
	rateUnit  = 100 * wholeShare // fine enough for a rate that many faults share
	maxEvents = 100_000          // that a regime tells apart; the oldest is taken for new beyond it
)

func newRegime(p Plan) *regime {
	g := &regime{plan: p, over: make(chan struct{}), turns: newBounded[uint64](maxEvents), owed: newBounded[bool](maxEvents)}
	for _, f := range p.Faults {
		share, _ := shareOf(f.Rate, wholeShare) // checked before
		left := f.Count
		if left == 0 {
			left = -1
		}
		g.rules = append(g.rules, &rule{f, eventOf(f.Name), share * (rateUnit / wholeShare), left})
	}
	all, _ := shareOf(p.Rate, 0)
	for _, e := range events() {
		names := faultsOf(e)
		for _, name := range names {
			if all > 0 {
				g.rules = append(g.rules, &rule{Fault{Name: name}, e, all * (rateUnit / wholeShare) / int64(len(names)), -1})
			}
		}
	}
	return g
}

// SetFaults lets go wrong what the plan says, in place of what went wrong until now, and refuses a plan with a
// mistake. It ends hangs. What is due later stays so; see Deliver and Flush.
//
// Of the faults that can happen to an event at most one does. One number is drawn for the event; the faults take
// their shares of it in the order of the plan, so that a rate is exact as long as the rates add up to 1 at most.
//
// The seed, the event and how often it happened before decide, and nothing else: so what runs beside changes
// nothing. A request is told by its route and ids, a webhook by its payment and status, a payment by its id; an
// imp_uid that the sandbox made up counts as the number of its payment, and a merchant_uid as the first payment of
// its order. So the same requests one after another meet the same faults again, under the same seed. Not
// reproduced are: payments made by several callers at once, unless they bring their imp_uid; ids that the merchant
// draws anew, while no payment of theirs exists; which of several equal requests under way is the first, and so
// which of many takes the last of a count; and the times at which anything arrives.
func (s *Sandbox) SetFaults(p Plan) error {
	if err := p.check(s.faultyRoutes()); err != nil {
		return err
	}
	s.faults.replace(p)
	return nil
}

// Down takes the whole sandbox down, so that every connection is closed without an answer, or up again. The routes
// for faults keep answering.
func (s *Sandbox) Down(down bool) { s.faults.down.Store(down) }

func (f *faults) replace(p Plan) {
	var next *regime
	p.Faults = append([]Fault{}, p.Faults...)
	if regime := newRegime(p); len(regime.rules) > 0 {
		next = regime
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down.Store(p.Down)
	if old := f.now.Swap(next); old != nil {
		close(old.over)
	}
}

// Report is what is to go wrong, what did since the sandbox began, and how much is due later.
type Report struct {
	Plan
	Injected map[string]int `json:"injected"` // by the fault's name, and "down" for refused connections
	Later    int            `json:"later"`
}

// Faults is the plan at work and how often each fault really happened.
func (s *Sandbox) Faults() Report {
	f := &s.faults
	f.mu.Lock()
	defer f.mu.Unlock()
	report := Report{Plan: Plan{Faults: []Fault{}}, Injected: maps.Clone(f.injected), Later: s.agenda.length()}
	if g := f.now.Load(); g != nil {
		report.Plan = g.plan
	}
	report.Down = f.down.Load()
	return report
}

func (f *faults) count(name, about string) {
	f.mu.Lock()
	f.injected[name]++
	f.mu.Unlock()
	f.log.Info("sandbox: fault", "fault", name, "about", about)
}

// fault is one that happens. The zero value is none.
type fault struct {
	name   string
	random *rand.Rand      // for its details, drawn from the same seed
	over   <-chan struct{} // closed when it is to end
}

// draw decides what goes wrong with the event, of the faults that can, and counts it.
func (f *faults) draw(e event, about string, can func(Fault) bool) fault {
	g := f.now.Load()
	if g == nil {
		return fault{}
	}
	random := g.random(e, about)
	name := g.pick(e, random.Int64N(rateUnit), can)
	if name == "" {
		return fault{}
	}
	f.count(name, about)
	return fault{name, random, g.over}
}

// random is the generator of this event's next turn.
func (g *regime) random(e event, about string) *rand.Rand {
	key := string(e) + " " + about
	g.mu.Lock()
	turn, _ := g.turns.get(key)
	g.turns.put(key, turn+1)
	g.mu.Unlock()
	// A hash as good as this one keeps neighbours, such as one turn and the next, from sharing their luck.
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%s\n%d", g.plan.Seed, key, turn))
	pcg := rand.NewPCG(binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:]))
	return rand.New(pcg) //nolint:gosec // a fault is no secret, and must be repeatable
}

func (g *regime) pick(e event, drawn int64, can func(Fault) bool) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.rules {
		if r.event != e || r.left == 0 || !can(r.Fault) {
			continue
		}
		if drawn < r.share {
			r.left = max(r.left-1, -1)
			return r.Name
		}
		drawn -= r.share
	}
	return ""
}

// settles tells whether this very request failed with 500 the last time, and so is to succeed now.
func (f *faults) settles(request string) bool {
	g := f.now.Load()
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	owed, known := g.owed.get(request)
	if known {
		g.owed.put(request, false)
	}
	return owed
}

// owe lets the same request succeed the next time.
func (f *faults) owe(request string) {
	if g := f.now.Load(); g != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.owed.put(request, true)
	}
}

// skew is how far the clock that the outside sees is off, for this token or payment.
func (s *Sandbox) skew(about string) time.Duration {
	g := s.faults.now.Load()
	if g == nil || s.faults.draw(aTime, about, everyFault).name == "" {
		return 0
	}
	off := time.Duration(1+g.plan.Seed%15) * time.Minute
	if g.plan.Seed/15%2 == 1 {
		return -off
	}
	return off
}

func everyFault(Fault) bool { return true }

// faultyRoutes are the routes that faults can happen to: Iamport's own.
func (s *Sandbox) faultyRoutes() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.requests)), func(route string) bool { return !isIamports(route) })
}

func isIamports(route string) bool {
	_, path, _ := strings.Cut(route, " ")
	return strings.HasPrefix(path, "/users/") || path == "/payments" || strings.HasPrefix(path, "/payments/") || strings.HasPrefix(path, "/vbanks")
}

// identity names the payment in a way that a second run with the same seed can have again.
func (r *record) identity() string {
	if r.made {
		return "#" + string(Won(r.seq))
	}
	return r.ImpUID
}
