package fault

import (
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Injector draws the faults of a plan, and counts those that happened. It is safe for concurrent
// use.
//
// Of the faults that can happen to an event at most one does. One number is drawn for the event;
// the rules take their shares of it in the order of the plan, so that a rate is exact as long as
// the rates add up to 1 at most.
//
// The seed, the event and how often it happened before decide, and nothing else: concurrent events
// change nothing. So the same events one after another meet the same faults again, under the same
// seed.
type Injector struct {
	log    *slog.Logger
	down   atomic.Bool
	active atomic.Pointer[activePlan] // nil while nothing goes wrong

	mu       sync.Mutex // orders changes of active; guards injected
	injected map[string]int
}

// NewInjector returns an Injector with an empty plan, which logs every fault that happens.
func NewInjector(log *slog.Logger) *Injector {
	return &Injector{log: log, injected: map[string]int{}}
}

// Fault is one that happens. The zero value is none.
type Fault struct {
	Name    string
	Message string          // of the answer; empty is the fault's own
	Random  *rand.Rand      // for the fault's details, drawn from the same seed
	Over    <-chan struct{} // closed when another plan replaces the fault's
}

// Replace puts the plan, which Check has accepted, in place of the former one and ends its hangs.
func (i *Injector) Replace(p Plan) {
	var next *activePlan
	p.Rules = append([]Rule{}, p.Rules...)
	if active := activate(p); len(active.rules) > 0 {
		next = active
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down.Store(p.Down)
	if old := i.active.Swap(next); old != nil {
		close(old.over)
	}
}

// SetDown closes every connection without an answer, or ends that.
func (i *Injector) SetDown(down bool) { i.down.Store(down) }

// Down tells whether every connection is to be closed without an answer.
func (i *Injector) Down() bool { return i.down.Load() }

// Active tells whether the plan has a rule or a rate.
func (i *Injector) Active() bool { return i.active.Load() != nil }

// Report returns the present plan, and how often each fault happened, by its name.
func (i *Injector) Report() (Plan, map[string]int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	plan := Plan{Rules: []Rule{}}
	if a := i.active.Load(); a != nil {
		plan = a.plan
	}
	plan.Down = i.down.Load()
	return plan, maps.Clone(i.injected)
}

// Count records that the named fault happened. about names the event in the log.
func (i *Injector) Count(name, about string) {
	i.mu.Lock()
	i.injected[name]++
	i.mu.Unlock()
	i.log.Info("sandbox: fault", "fault", name, "about", about)
}

// Draw decides which of the faults that apply happens to the event, and counts it. about tells
// events of a kind apart; the same text means the same event again.
func (i *Injector) Draw(e Event, about string, applies func(Rule) bool) Fault {
	a := i.active.Load()
	if a == nil {
		return Fault{}
	}
	random := a.random(e, about)
	rule := a.pick(e, random.Int64N(rateUnit), applies)
	if rule.Name == "" {
		return Fault{}
	}
	i.Count(rule.Name, about)
	return Fault{rule.Name, rule.Message, random, a.over}
}

// Skew returns how far the clock that the outside sees is off for this event, to either side.
func (i *Injector) Skew(about string) time.Duration {
	a := i.active.Load()
	if a == nil || i.Draw(OnClock, about, func(Rule) bool { return true }).Name == "" {
		return 0
	}
	skew := time.Duration(1+a.plan.Seed%15) * time.Minute
	if a.plan.Seed/15%2 == 1 {
		return -skew
	}
	return skew
}

// OweSuccess lets the same request succeed the next time.
func (i *Injector) OweSuccess(request string) {
	if a := i.active.Load(); a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.owed.put(request, true)
	}
}

// TakeSuccess tells whether OweSuccess was called for this request since it was taken last.
func (i *Injector) TakeSuccess(request string) bool {
	a := i.active.Load()
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	owed, known := a.owed.get(request)
	if known {
		a.owed.put(request, false)
	}
	return owed
}
