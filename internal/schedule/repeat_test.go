package schedule_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pointcharge/internal/schedule"
)

// runsFor returns the start times of a job that recurs every minute, within total. runs are the
// lengths of the runs, one by one.
func runsFor(t *testing.T, total time.Duration, runs ...time.Duration) (began []time.Duration) {
	t.Helper()
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), total)
	defer cancel()
	schedule.Repeat(ctx, time.Minute, func() {
		began = append(began, time.Since(start))
		if len(began) <= len(runs) {
			<-time.After(runs[len(began)-1])
		}
	})
	return began
}

func TestAJobRunsAtOnceAndThenAtItsInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		want := []time.Duration{0, time.Minute, 2 * time.Minute}
		if began := runsFor(t, 150*time.Second); !slices.Equal(began, want) {
			t.Errorf("it began at %v, want %v", began, want)
		}
	})
}

func TestTicksDuringARunAreLeftOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		want := []time.Duration{0, 3 * time.Minute, 4 * time.Minute}
		if began := runsFor(t, 270*time.Second, 150*time.Second); !slices.Equal(began, want) {
			t.Errorf("it began at %v, want %v", began, want)
		}
	})
}

func TestNoRunBeginsAfterTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		if began := runsFor(t, time.Minute, 90*time.Second); len(began) != 1 { // it ends while the first run goes on
			t.Errorf("it began at %v", began)
		}
	})
}

func TestCloseWaitsForRunsTenSecondsAtMost(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		run, wait time.Duration
		fails     bool
	}{{3 * time.Second, 3 * time.Second, false}, {time.Minute, 10 * time.Second, true}} {
		synctest.Test(t, func(t *testing.T) {
			ended := make(chan struct{})
			time.AfterFunc(test.run, func() { close(ended) })
			start := time.Now()
			err := schedule.NewRunning(ended).Close()
			if waited := time.Since(start); waited != test.wait || (err != nil) != test.fails {
				t.Errorf("a run of %s: waited %s, %v", test.run, waited, err)
			}
			<-ended
		})
	}
}
