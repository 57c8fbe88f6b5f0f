package schedule_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/schedule"
)

// fleet is a group of servers with a common database and a stopped clock.
type fleet struct {
	*testing.T
	db  *gorm.DB
	at  atomic.Int64 // UNIX seconds
	log bytes.Buffer
}

func eachFleet(t *testing.T, test func(f *fleet)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		f := &fleet{T: t, db: db}
		f.at.Store(1_772_000_000)
		test(f)
	})
}

func (f *fleet) pass(d time.Duration) { f.at.Add(int64(d / time.Second)) }

// server returns a server that runs job every minute, at the test's ticks.
func (f *fleet) server(job func(context.Context) error) *schedule.Schedule {
	f.Helper()
	clock := func() time.Time { return time.Unix(f.at.Load(), 0) }
	s, err := schedule.Prepare(f.Context(), f.db, []schedule.Job{{Name: "sweep", Every: time.Minute, Run: job}, {Name: "off"}},
		slog.New(slog.NewTextHandler(&f.log, nil)), clock)
	if err != nil {
		f.Fatal(err)
	}
	return s
}

func (f *fleet) state(s *schedule.Schedule) schedule.State {
	f.Helper()
	states, err := s.States(f.Context())
	if err != nil || len(states) != 1 {
		f.Fatalf("states %+v, %v", states, err)
	}
	return states[0]
}

func TestAJobRunsOnOneServerOnceInItsInterval(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(f *fleet) {
		var runs atomic.Int64
		var servers []*schedule.Schedule
		for range 4 {
			servers = append(servers, f.server(func(context.Context) error { runs.Add(1); return nil }))
		}
		for minute := range int64(3) {
			var ticks sync.WaitGroup
			for _, s := range servers {
				for range 3 {
					ticks.Go(func() { s.Tick(f.Context()) })
				}
			}
			ticks.Wait()
			if runs.Load() != minute+1 {
				f.Fatalf("%d runs in %d minutes", runs.Load(), minute+1)
			}
			f.pass(time.Minute)
		}
	})
}

func TestAJobWhoseServerDiedIsDueAgain(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(f *fleet) {
		dying := f.server(func(context.Context) error { runtime.Goexit(); return nil }) // the goroutine ends without any later step
		var dead sync.WaitGroup
		dead.Go(func() { dying.Tick(f.Context()) })
		dead.Wait()
		var runs int
		heir := f.server(func(context.Context) error { runs++; return nil })
		heir.Tick(f.Context())
		f.pass(time.Minute)
		heir.Tick(f.Context())
		if runs != 1 || f.state(heir).Failing() {
			f.Fatalf("%d runs, state %+v", runs, f.state(heir))
		}
	})
}

func TestAStoppedServersJobIsDueAtOnce(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(f *fleet) {
		stopping, stop := context.WithCancel(f.Context())
		f.server(func(ctx context.Context) error { stop(); return fmt.Errorf("reading: %w", ctx.Err()) }).Tick(stopping)
		var runs int
		heir := f.server(func(context.Context) error { runs++; return nil })
		if state := f.state(heir); state.Failing() || f.log.Len() > 0 {
			f.Errorf("a stop is a failure: %+v, %s", state, &f.log)
		}
		heir.Tick(f.Context())
		heir.Tick(f.Context())
		if runs != 1 {
			f.Fatalf("%d runs, want 1", runs)
		}
	})
}

// TestAStoppedServerGivesBackOnlyItsOwnRun: the first server's job took so long that another server
// has begun the next run.
func TestAStoppedServerGivesBackOnlyItsOwnRun(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(f *fleet) {
		var runs int
		heir := f.server(func(context.Context) error { runs++; return nil })
		stopping, stop := context.WithCancel(f.Context())
		f.server(func(ctx context.Context) error {
			f.pass(time.Minute)
			heir.Tick(f.Context())
			stop()
			return ctx.Err()
		}).Tick(stopping)
		heir.Tick(f.Context())
		if runs != 1 {
			f.Fatalf("%d runs, want 1", runs)
		}
	})
}

func TestARunThatTakesTooLongHasFailed(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(f *fleet) {
		s := f.server(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		s.SetRunTimeout(time.Millisecond)
		s.Tick(f.Context())
		if state := f.state(s); !state.Failing() || !strings.Contains(state.Error, "deadline exceeded") {
			f.Fatalf("unexpected state %+v", state)
		}
	})
}

func TestFailuresAndPanicsAreContainedAndShown(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(f *fleet) {
		fails := map[string]func(context.Context) error{
			"no gateway": func(context.Context) error { return errors.New("no gateway") },
			"boom":       func(context.Context) error { panic("boom") },
		}
		for text, run := range fails {
			s := f.server(run)
			s.Tick(f.Context())
			if state := f.state(s); !state.Failing() || !strings.Contains(state.Error, text) || state.SucceededAt != nil {
				f.Fatalf("unexpected state %+v", state)
			}
			if strings.Count(f.log.String(), "job failed") == 0 || !strings.Contains(f.log.String(), text) {
				f.Fatalf("logged was %q", f.log.String())
			}
			f.pass(time.Minute)
		}
	})
}

func TestLagIsHowLateTheLastSuccessIs(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(f *fleet) {
		fail := false
		s := f.server(func(context.Context) error {
			if fail {
				return errors.New("no gateway")
			}
			return nil
		})
		now := func() time.Time { return time.Unix(f.at.Load(), 0) }
		s.Tick(f.Context())
		f.pass(30 * time.Second)
		if lag := f.state(s).Lag(now()); lag != 0 {
			f.Fatalf("lag %s before the next run is due", lag)
		}
		fail = true
		for range 10 {
			f.pass(time.Minute)
			s.Tick(f.Context())
		}
		if state := f.state(s); !state.Failing() || state.Lag(now()) != 9*time.Minute+30*time.Second {
			f.Fatalf("lag %s, state %+v", state.Lag(now()), state)
		}
		fail = false
		f.pass(time.Minute)
		s.Tick(f.Context())
		if state := f.state(s); state.Failing() || state.Lag(now()) != 0 {
			f.Fatalf("unexpected state %+v", state)
		}
	})
}

// TestATimeFromTheFutureStopsNoJob: some server's clock was a year ahead once.
func TestATimeFromTheFutureStopsNoJob(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(f *fleet) {
		var runs int
		s := f.server(func(context.Context) error { runs++; return nil })
		f.pass(365 * 24 * time.Hour)
		s.Tick(f.Context())
		f.pass(-365 * 24 * time.Hour)
		s.Tick(f.Context())
		s.Tick(f.Context())
		if runs != 2 {
			f.Fatalf("%d runs, want 2", runs)
		}
	})
}

// TestASuccessFromTheFutureHidesNoFailure, nor that the job lags.
func TestASuccessFromTheFutureHidesNoFailure(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(f *fleet) {
		var failure error
		s := f.server(func(context.Context) error { return failure })
		f.pass(365 * 24 * time.Hour)
		s.Tick(f.Context())
		f.pass(-365 * 24 * time.Hour)
		failure = errors.New("no gateway")
		for range 10 {
			s.Tick(f.Context())
			f.pass(time.Minute)
		}
		if state := f.state(s); !state.Failing() || state.Lag(time.Unix(f.at.Load(), 0)) != 9*time.Minute {
			f.Fatalf("lag %s, state %+v", state.Lag(time.Unix(f.at.Load(), 0)), state)
		}
	})
}

// TestAStartedScheduleRunsAtOnceAndEndsWhatRuns uses the real clock.
func TestAStartedScheduleRunsAtOnceAndEndsWhatRuns(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(f *fleet) {
		began, ended := make(chan struct{}), make(chan struct{})
		s, err := schedule.Start(f.Context(), f.db, []schedule.Job{{Name: "sweep", Every: time.Hour, Run: func(ctx context.Context) error {
			close(began)
			<-ctx.Done()
			close(ended)
			return ctx.Err()
		}}}, time.Now, slog.New(slog.DiscardHandler))
		if err != nil {
			f.Fatal(err)
		}
		<-began
		if err := s.Close(); err != nil {
			f.Error(err)
		}
		<-ended
	})
}
