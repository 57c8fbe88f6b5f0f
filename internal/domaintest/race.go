package domaintest

import "sync"

// Together runs every function at the same moment and waits for all.
func Together(functions ...func()) {
	start := make(chan struct{})
	var running sync.WaitGroup
	for _, f := range functions {
		running.Go(func() { <-start; f() })
	}
	close(start)
	running.Wait()
}

func Repeat(n int, f func()) []func() {
	out := make([]func(), n)
	for i := range out {
		out[i] = f
	}
	return out
}

func (w *World) SyncInRace(impUID string) {
	if _, err := w.Sync(w.Context(), Webhook(), impUID); err != nil {
		w.Errorf("sync: %v", err)
	}
}
