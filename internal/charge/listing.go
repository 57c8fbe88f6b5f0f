package charge

import (
	"time"
)

// Listing asks for a page of the payments that were paid, or cancelled, in a period (contract §1.5).
type Listing struct {
	// Status is Paid or Cancelled, as it is now: a payment that is cancelled has left the list of paid ones. It
	// also says which of a payment's times must lie in the period: when it was paid, or last cancelled.
	Status   PaymentStatus
	From, To time.Time // both included, in whole seconds; at most 90 days apart
	Page     int       // from 1
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
	ImpUID      string // empty when not even that can be read
	MerchantUID string // the same
	Why         string
}
