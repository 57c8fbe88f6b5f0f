package main

import (
	"slices"
	"time"
)

// sample is one timed run of either side.
type sample struct {
	took      time.Duration   // from the first start to the last end
	latencies []time.Duration // of each charge, in no order
}

// ratePerSecond is charges per second.
func (s sample) ratePerSecond() float64 { return float64(len(s.latencies)) / s.took.Seconds() }

// latencyOfShare returns the latency that the given share of the charges did not exceed.
func (s sample) latencyOfShare(share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(s.latencies))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// round is both sides, one after the other.
type round struct{ server, pgbench sample }

func (r round) throughputRatio() float64 { return r.server.ratePerSecond() / r.pgbench.ratePerSecond() }

// medianOfRounds returns the median of one figure over all rounds.
func medianOfRounds[R any, T float64 | time.Duration](rounds []R, measured func(R) T) T {
	var all []T
	for _, r := range rounds {
		all = append(all, measured(r))
	}
	slices.Sort(all)
	half := len(all) / 2
	if len(all)%2 == 0 {
		return (all[half-1] + all[half]) / 2
	}
	return all[half]
}
