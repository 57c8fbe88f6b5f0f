package schedule

import (
	"context"
	"time"
)

// Prepare returns a Schedule whose ticks come from the test.
var Prepare = newSchedule

// Repeat is the loop of one job.
var Repeat = repeatEvery

// Tick is one tick of every job.
func (s *Schedule) Tick(ctx context.Context) {
	for _, job := range s.jobs {
		s.runIfDue(ctx, job)
	}
}

// SetRunTimeout lets no run take longer than d.
func (s *Schedule) SetRunTimeout(d time.Duration) { s.runTimeout = d }

// NewRunning returns a Schedule with one goroutine, which ends when ended is closed.
func NewRunning(ended <-chan struct{}) *Schedule {
	s := &Schedule{stop: func() {}}
	s.running.Go(func() { <-ended })
	return s
}
