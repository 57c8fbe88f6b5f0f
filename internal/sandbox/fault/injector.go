package fault

import (
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Injector draws the faults of a plan, and counts the faults drawn. Injector is safe for concurrent
// use.
//
// At most one fault happens to an event. One number is drawn for the event; the rules take shares
// of the number's range in the order of the plan, so a rate is exact as long as all rates add up to
// 1 at most.
//
// Only the seed, the event and the number of earlier occurrences of the event decide: concurrent
// events change no decision. So the same sequence of events meets the same faults again, under the
// same seed.
type Injector struct {
	log    *slog.Logger
	down   atomic.Bool
	active atomic.Pointer[activePlan] // nil without faults

	mu       sync.Mutex // orders changes of active; guards injected
	injected map[string]int
}

// NewInjector returns an Injector with an empty plan. The Injector logs every fault.
func NewInjector(log *slog.Logger) *Injector {
	return &Injector{log: log, injected: map[string]int{}}
}

// Fault is a drawn fault. The zero value means no fault.
type Fault struct {
	Name    string
	Message string          // of the answer; empty is the fault's own
	Random  *rand.Rand      // for the fault's details, drawn from the same seed
	Over    <-chan struct{} // closed when another plan replaces the fault's
}

// Replace puts the plan in place of the former plan and ends the former plan's hangs. Check must
// have accepted the plan.
func (i *Injector) Replace(p Plan) {
	var next *activePlan
	p.Rules = append([]Rule{}, p.Rules...)
	if active := newActivePlan(p); len(active.rules) > 0 {
		next = active
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down.Store(p.Down)
	if old := i.active.Swap(next); old != nil {
		close(old.over)
	}
}

// SetDown starts or ends closing every connection without an answer.
func (i *Injector) SetDown(down bool) { i.down.Store(down) }

// Down tells whether every connection is to be closed without an answer.
func (i *Injector) Down() bool { return i.down.Load() }

// Active tells whether the plan has a rule or a rate.
func (i *Injector) Active() bool { return i.active.Load() != nil }

// Report returns the present plan and the count of each fault by name.
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

// Count records one occurrence of the named fault. about names the event in the log.
func (i *Injector) Count(name, about string) {
	i.mu.Lock()
	i.injected[name]++
	i.mu.Unlock()
	i.log.Info("sandbox: fault", "fault", name, "about", about)
}

// Draw decides which of the applicable faults happens to the event, and counts the fault. about
// distinguishes events of one kind; the same text means the same event again.
func (i *Injector) Draw(e Event, about string, applies func(Rule) bool) Fault {
	a := i.active.Load()
	if a == nil {
		return Fault{}
	}
	random := a.newGenerator(e, about)
	rule := a.pickRule(e, random.Int64N(rateUnit), applies)
	if rule.Name == "" {
		return Fault{}
	}
	i.Count(rule.Name, about)
	return Fault{rule.Name, rule.Message, random, a.over}
}

// Skew returns the error of the visible clock for the event, positive or negative.
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

// TakeSuccess tells whether OweSuccess was called for the request since the last TakeSuccess.
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
