package charge

import (
	"time"
)

// Listing asks for a page of the payments that were paid, or cancelled, in a period (contract
// §1.5).
type Listing struct {
	// Status is Paid or Cancelled, as of now: a cancelled payment has left the list of paid
	// payments. Status also selects the time that must lie in the period: of the payment, or of the
	// last cancellation.
	Status   PaymentStatus
	From, To time.Time // both included, in whole seconds; at most 90 days apart
	Page     int       // from 1
}

// PaymentPage is a page of a list, ordered by time of payment. The time never changes, so a payment
// that enters or leaves the list also changes Total, and a reader of page after page notices.
type PaymentPage struct {
	Payments []Payment
	// Unreadable are the untrustworthy payments of the page.
	Unreadable []Unreadable
	Total      int64 // payments on all pages
	Next       int   // the next page's number; 0 on the last one
}

// Unreadable is a malformed payment object in a list. The rest of the page is good.
type Unreadable struct {
	ImpUID      string // empty when unreadable as well
	MerchantUID string // the same
	Why         string
}
