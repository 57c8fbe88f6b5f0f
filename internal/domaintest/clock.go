package domaintest

import (
	"sync"
	"time"
)

// Day is 24 hours.
const Day = 24 * time.Hour

// Clock is a time that moves only at a test's command.
type Clock struct {
	mu sync.Mutex
	At time.Time
}

func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.At
}

func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.At = c.At.Add(d)
}

// StopClock gives the domain a clock with a fixed time.
func (w *World) StopClock() *Clock {
	c := &Clock{At: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	w.Now = c.Now
	return c
}

// StartToday gives the domain a clock fixed at the present moment, because the gateway's deadlines
// are compared with the machine's clock.
func (w *World) StartToday() *Clock {
	c := &Clock{At: time.Now().UTC().Truncate(time.Microsecond)}
	w.Now = c.Now
	return c
}
