package web

import (
	"context"
	"testing"
	"time"

	"pointcharge/internal/apierror"
)

func TestLookupLimiterBoundsTheQueue(t *testing.T) {
	t.Parallel()
	l, over := newLookupLimiter(nil, 1), make(chan struct{})
	ended := make(chan error, maxQueue+1)
	for range maxQueue + 1 {
		go func() {
			_, err := l.read(context.Background(), notice{}, func() (bool, error) { <-over; return true, nil })
			ended <- err
		}()
	}
	if err := <-ended; apierror.CodeOf(err) != apierror.RateLimited { // all others run or wait
		t.Errorf("the first query to end was not refused: %v", err)
	}
	close(over)
	for range maxQueue {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if ok, err := l.read(t.Context(), notice{}, func() (bool, error) { return true, nil }); !ok || err != nil {
		t.Errorf("the limiter refuses when no query runs: %v", err)
	}
}

func TestDefaultTimeoutEndsBeforeIamports(t *testing.T) {
	t.Parallel()
	if got := New(Config{}).cfg.Timeout; got <= 0 || got >= 30*time.Second {
		t.Errorf("the timeout is %s", got)
	}
}
