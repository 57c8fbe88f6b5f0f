package sandbox

import (
	"slices"
	"sync"
	"time"
)

// How much later things happen, by the sandbox's clock.
const (
	lateWebhook = time.Hour
	latePayment = 5 * time.Minute
	lateDeposit = 5 * time.Minute
	firstHalf   = 10 * time.Minute
	secondHalf  = 20 * time.Minute
	lateCancel  = 10 * time.Minute
	legible     = 10 * time.Minute
)

const maxLater = 10_000

// agenda is what happens later.
type agenda struct {
	now func() time.Time

	mu     sync.Mutex
	due    []appointment // soonest first
	timer  *time.Timer
	closed bool
}

type appointment struct {
	at   time.Time
	keep func()
}

// later makes an appointment. Where there are too many, or the sandbox is closed, it refuses.
func (a *agenda) later(in time.Duration, keep func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || len(a.due) >= maxLater {
		return false
	}
	at := a.now().Add(in)
	place, _ := slices.BinarySearchFunc(a.due, at, func(x appointment, at time.Time) int {
		if x.at.After(at) {
			return 1
		}
		return -1 // those of the same time stay in order
	})
	a.due = slices.Insert(a.due, place, appointment{at, keep})
	a.wind()
	return true
}

// wind sets the timer for the soonest. It measures real time, whatever the sandbox's clock does: where a test holds
// that still, the timer finds nothing to do.
func (a *agenda) wind() {
	if a.timer != nil {
		a.timer.Stop()
	}
	if len(a.due) > 0 && !a.closed {
		a.timer = time.AfterFunc(max(a.due[0].at.Sub(a.now()), time.Millisecond), func() { a.keep(a.isOver) })
	}
}

func (a *agenda) isOver(at time.Time) bool { return !at.After(a.now()) }

// keep does, one after another, what is due, and says how much it was.
func (a *agenda) keep(due func(time.Time) bool) int {
	for kept := 0; ; kept++ {
		next, ok := a.next(due)
		if !ok {
			return kept
		}
		next()
	}
}

func (a *agenda) next(due func(time.Time) bool) (func(), bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.due) == 0 || !due(a.due[0].at) {
		a.wind()
		return nil, false
	}
	first := a.due[0].keep
	a.due = slices.Delete(a.due, 0, 1)
	return first, true
}

func (a *agenda) length() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.due)
}

func (a *agenda) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed, a.due = true, nil
	a.wind()
}

// Deliver lets happen what faults have put off and what is due by the sandbox's clock: late webhooks, late payments,
// cancellations at the console, second deposits. It returns how many; the webhooks among them are under way then
// (see Wait). On a real clock this happens by itself.
func (s *Sandbox) Deliver() int { return s.agenda.keep(s.agenda.isOver) }

// Flush is Deliver for all that faults have put off, due or not, in the order of time.
func (s *Sandbox) Flush() int { return s.agenda.keep(func(time.Time) bool { return true }) }
