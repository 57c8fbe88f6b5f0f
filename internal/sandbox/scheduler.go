package sandbox

import (
	"slices"
	"sync"
	"time"
)

// Delays of postponed effects, by the sandbox's clock.
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

// scheduler runs tasks at given times.
type scheduler struct {
	now func() time.Time

	mu     sync.Mutex
	tasks  []task // soonest first
	timer  *time.Timer
	closed bool
}

type task struct {
	at  time.Time
	run func()
}

// scheduleTask adds a task. The result is false when maxTasks wait, or after close.
func (s *scheduler) scheduleTask(in time.Duration, run func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.tasks) >= maxTasks {
		return false
	}
	at := s.now().Add(in)
	place, _ := slices.BinarySearchFunc(s.tasks, at, func(t task, at time.Time) int {
		if t.at.After(at) {
			return 1
		}
		return -1 // tasks of the same time stay in order
	})
	s.tasks = slices.Insert(s.tasks, place, task{at, run})
	s.resetTimer()
	return true
}

// resetTimer sets the timer for the soonest task. The timer measures real time, independent of the
// sandbox's clock: under a test's stopped clock, the timer finds no due task.
func (s *scheduler) resetTimer() {
	if s.timer != nil {
		s.timer.Stop()
	}
	if len(s.tasks) > 0 && !s.closed {
		in := max(s.tasks[0].at.Sub(s.now()), time.Millisecond)
		s.timer = time.AfterFunc(in, func() { s.runDue(s.isDue) })
	}
}

func (s *scheduler) isDue(at time.Time) bool { return !at.After(s.now()) }

// runDue runs the tasks whose time is due, one after another, and returns how many.
func (s *scheduler) runDue(due func(time.Time) bool) int {
	for count := 0; ; count++ {
		run, ok := s.takeNext(due)
		if !ok {
			return count
		}
		run()
	}
}

func (s *scheduler) takeNext(due func(time.Time) bool) (func(), bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tasks) == 0 || !due(s.tasks[0].at) {
		s.resetTimer()
		return nil, false
	}
	first := s.tasks[0].run
	s.tasks = slices.Delete(s.tasks, 0, 1)
	return first, true
}

func (s *scheduler) countPending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tasks)
}

func (s *scheduler) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.tasks = true, nil
	s.resetTimer()
}

// Deliver runs the postponed effects due by the sandbox's clock: late webhooks, late payments,
// cancellations at the console, second deposits. Deliver returns the number of effects; some
// webhooks may still be under way (see Wait). On a real clock effects run without Deliver.
func (s *Sandbox) Deliver() int { return s.scheduler.runDue(s.scheduler.isDue) }

// Flush runs all postponed effects, due or not, in the order of time, and returns the number of
// effects.
func (s *Sandbox) Flush() int { return s.scheduler.runDue(func(time.Time) bool { return true }) }
