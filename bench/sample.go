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

// rate is charges per second.
func (s sample) rate() float64 { return float64(len(s.latencies)) / s.took.Seconds() }

// latency is what the given share of the charges stayed within.
func (s sample) latency(share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(s.latencies))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// round is both sides, one after the other.
type round struct{ server, pgbench sample }

func (r round) ratio() float64 { return r.server.rate() / r.pgbench.rate() }

// median is the median of what is measured in each round.
func median[R any, T float64 | time.Duration](rounds []R, measured func(R) T) T {
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
