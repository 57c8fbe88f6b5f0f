package web

import (
	"context"
	"testing"

	"pointcharge/internal/point"
)

func TestNotMoreWaitForTheDatabaseThanMay(t *testing.T) {
	t.Parallel()
	r, over := newReads(), make(chan struct{})
	entered := make(chan error, maxQueue+1)
	for range maxQueue + 1 {
		go func() {
			_, err := r.do(context.Background(), func() (bool, error) { <-over; return true, nil })
			entered <- err
		}()
	}
	if err := <-entered; point.CodeOf(err) != point.RateLimited { // all others wait for it to be over
		t.Errorf("the first to end was not refused: %v", err)
	}
	close(over)
	for range maxQueue {
		if err := <-entered; err != nil {
			t.Error(err)
		}
	}
	if ok, err := r.do(t.Context(), func() (bool, error) { return true, nil }); !ok || err != nil {
		t.Errorf("then nobody may: %v", err)
	}
}
