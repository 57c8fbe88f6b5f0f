package point

import "time"

// Listing asks for a page of the payments that were paid, or cancelled, in a period (contract §1.5).
type Listing struct {
	// Status is Paid or Cancelled, as it is now: a payment that is cancelled has left the list of paid ones. It
	// also says which of a payment's times must lie in the period: when it was paid, or last cancelled.
	Status   PaymentStatus
	From, To time.Time // both included, in whole seconds; at most 90 days apart
	Page     int       // from 1
}

// halves cut the period in two.
func (l Listing) halves() (first, second Listing) {
	first, second = l, l
	first.To = l.From.Add(l.To.Sub(l.From) / 2).Truncate(time.Second)
	second.From = first.To.Add(time.Second)
	return first, second
}

// PaymentPage is a page of such a list, in the order in which the payments were paid: that never changes, so what
// enters the list or leaves it also changes Total, and whoever reads page after page notices.
type PaymentPage struct {
	Payments []Payment
	// Unreadable are the payments of the page that are there but cannot be vouched for.
	Unreadable []Unreadable
	Total      int64 // payments on all pages
	Next       int   // the next page's number; 0 on the last one
}

// Unreadable is a payment in a list that is no proper payment object. One of them does not spoil its page.
type Unreadable struct {
	ImpUID string // empty when not even that can be read
	Why    string
}

// listable is the longest period that the gateway lists at once (contract §1.5).
const listable = 90 * day

// growing is how far back a list may still grow: clocks differ, and a provider takes a moment to report.
const growing = time.Minute

// period is from and to, both included, in whole seconds as the gateway counts.
type period struct{ from, to time.Time }

// periods cuts from and to into pieces that the gateway lists. The last minute is a piece of its own: from the lists
// of the others payments can only disappear, so every change there changes their total.
func periods(from, to, now time.Time) []period {
	var cut []period
	still := now.Add(-growing).Truncate(time.Second)
	for !from.After(to) {
		end := earlier(from.Add(listable), to)
		if from.Before(still) {
			end = earlier(end, still)
		}
		cut = append(cut, period{from: from, to: end})
		from = end.Add(time.Second)
	}
	return cut
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
