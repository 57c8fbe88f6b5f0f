package schedule

import (
	"context"
	"time"
)

// Prepare is a Schedule whose ticks come from the test.
var Prepare = prepare

// Tick is one tick of every job.
func (s *Schedule) Tick(ctx context.Context) {
	for _, job := range s.jobs {
		s.tick(ctx, job)
	}
}

// Hurry lets no run take longer than d.
func (s *Schedule) Hurry(d time.Duration) { s.patience = d }
