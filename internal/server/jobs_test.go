package server

import (
	"context"
	"errors"
	"testing"
)

func TestBatchesGoOnAfterAFailureAndEnd(t *testing.T) {
	t.Parallel()
	batches := 0
	found, err := RunBatches(t.Context(), func(_ context.Context, limit int) (int, error) {
		if batches++; batches == 3 {
			return 1, nil
		}
		return limit, errors.New("one row")
	})
	if found != 2*batchSize+1 || err == nil || batches != 3 {
		t.Errorf("found %d in %d batches, %v", found, batches, err)
	}
	batches = 0
	_, _ = RunBatches(t.Context(), func(_ context.Context, limit int) (int, error) { batches++; return limit, nil })
	if batches != maxBatches {
		t.Errorf("%d batches", batches)
	}
}
