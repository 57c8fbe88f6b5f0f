package sandbox

import (
	"slices"
	"sync"
	"time"
)

// How much later things happen, by the sandbox's clock.
const (
	webhookDelay       = time.Hour
	approvalDelay      = 5 * time.Minute
	secondDepositDelay = 5 * time.Minute
	firstCancelDelay   = 10 * time.Minute
	secondCancelDelay  = 20 * time.Minute
	pendingCancelDelay = 10 * time.Minute
	unreadableFor      = 10 * time.Minute
)

const maxTasks = 10_000

// scheduler is what happens later.
type scheduler struct {
	now func() time.Time

	mu     sync.Mutex
	due    []task // soonest first
	timer  *time.Timer
	closed bool
}

type task struct {
	at  time.Time
	run func()
}

// schedule makes an appointment. Where there are too many, or the sandbox is closed, it refuses.
func (a *scheduler) schedule(in time.Duration, keep func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || len(a.due) >= maxTasks {
		return false
	}
	at := a.now().Add(in)
	place, _ := slices.BinarySearchFunc(a.due, at, func(x task, at time.Time) int {
		if x.at.After(at) {
			return 1
		}
		return -1 // those of the same time stay in order
	})
	a.due = slices.Insert(a.due, place, task{at, keep})
	a.resetTimer()
	return true
}

// resetTimer sets the timer for the soonest. It measures real time, whatever the sandbox's clock does: where a test holds
// that still, the timer finds nothing to do.
func (a *scheduler) resetTimer() {
	if a.timer != nil {
		a.timer.Stop()
	}
	if len(a.due) > 0 && !a.closed {
		a.timer = time.AfterFunc(max(a.due[0].at.Sub(a.now()), time.Millisecond), func() { a.runDue(a.isDue) })
	}
}

func (a *scheduler) isDue(at time.Time) bool { return !at.After(a.now()) }

// runDue does, one after another, what is due, and says how much it was.
func (a *scheduler) runDue(due func(time.Time) bool) int {
	for kept := 0; ; kept++ {
		next, ok := a.takeNext(due)
		if !ok {
			return kept
		}
		next()
	}
}

func (a *scheduler) takeNext(due func(time.Time) bool) (func(), bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.due) == 0 || !due(a.due[0].at) {
		a.resetTimer()
		return nil, false
	}
	first := a.due[0].run
	a.due = slices.Delete(a.due, 0, 1)
	return first, true
}

func (a *scheduler) pending() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.due)
}

func (a *scheduler) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed, a.due = true, nil
	a.resetTimer()
}

// Deliver lets happen what faults have put off and what is due by the sandbox's clock: late webhooks, late payments,
// cancellations at the console, second deposits. It returns how many; the webhooks among them are under way then
// (see Wait). On a real clock this happens by itself.
func (s *Sandbox) Deliver() int { return s.scheduler.runDue(s.scheduler.isDue) }

// Flush is Deliver for all that faults have put off, due or not, in the order of time.
func (s *Sandbox) Flush() int { return s.scheduler.runDue(func(time.Time) bool { return true }) }
