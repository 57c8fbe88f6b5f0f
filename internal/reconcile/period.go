package reconcile

import (
	"time"

	"pointcharge/internal/charge"
)

// splitListing cuts the period in two.
func splitListing(l charge.Listing) (first, second charge.Listing) {
	first, second = l, l
	first.To = l.From.Add(l.To.Sub(l.From) / 2).Truncate(time.Second)
	second.From = first.To.Add(time.Second)
	return first, second
}

// maxPeriod is the gateway's longest period for one list (contract §1.5).
const maxPeriod = 90 * day

// settleTime is how far back a list may still grow: clocks differ, and a provider takes a moment to
// report.
const settleTime = time.Minute

// period is from and to, both included, in whole seconds as the gateway counts.
type period struct{ from, to time.Time }

// splitPeriod cuts a period into pieces for the gateway's lists. The last minute is a separate
// piece: from the lists of older pieces payments can only disappear, so every change there changes
// the total.
func splitPeriod(from, to, now time.Time) []period {
	var cut []period
	still := now.Add(-settleTime).Truncate(time.Second)
	for !from.After(to) {
		end := earlierOf(from.Add(maxPeriod), to)
		if from.Before(still) {
			end = earlierOf(end, still)
		}
		cut = append(cut, period{from: from, to: end})
		from = end.Add(time.Second)
	}
	return cut
}

func earlierOf(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
