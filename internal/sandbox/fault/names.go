package fault

import "slices"

// Faults of a request to Iamport's REST interface. At most one fault of a group happens to an
// event.
const (
	Latency = "latency" // the answer is up to half a second late
	// No answer until the caller leaves: 30 seconds at most, then a reset.
	Hang    = "hang"
	Reset   = "reset" // the connection is reset; the request has no effect
	TooMany = "429"   // Too Many Requests; the request has no effect
	// Internal Server Error without effect; the same request succeeds next time.
	ServerError  = "500"
	HTML         = "html"      // a proxy's page with 502; the request has no effect
	Truncated    = "truncated" // the request takes effect, and half of the answer arrives
	Unauthorized = "401"       // the token expires on the way; the request has no effect
	Lost         = "lost"      // the request takes effect, and a reset replaces the answer

	// The gateway's own refusals, in the gateway's envelope. A rule's message replaces the usual
	// text. Refusals need a rule and are no share of the plan's rate: the gateway refuses for a
	// reason, not at random.
	Refused    = "refused" // HTTP 200 with code 1 and a message; the request has no effect
	BadRequest = "400"     // HTTP 400 with a code and a message; the request has no effect
	Forbidden  = "403"     // HTTP 403 with a code and a message; the request has no effect

	// CancelPending happens to POST /payments/cancel only: the cancellation is accepted and happens
	// ten minutes later, unless the cancellation has become impossible by then.
	CancelPending = "cancel-pending"
)

// Faults of a webhook.
const (
	WebhookNever = "webhook-never" // not sent
	WebhookTwice = "webhook-twice" // sent twice
	// The payment window's page hears of the payment after the webhook's answer.
	WebhookFirst = "webhook-first"
	WebhookLate  = "webhook-late" // sent an hour later, or by Deliver or Flush
	// Three more come with a false status, merchant_uid and imp_uid.
	WebhookForged = "webhook-forged"
	WebhookForm   = "webhook-form" // sent as a form, where JSON is configured
)

// Faults of a payment that becomes paid in a window, by POST /sandbox-payments or by Pay.
const (
	WrongAmount   = "wrong-amount"   // one won, dollar, … less than the order's amount
	WrongCurrency = "wrong-currency" // dollars for won, won for every other currency
	// Fails, and is paid five minutes later; half of the cases send no webhook.
	FailedThenPaid = "failed-then-paid"
	// The console cancels one half after ten minutes, the other after twenty.
	ConsoleCancel = "console-cancel"
	// The virtual account gets the same amount again five minutes later.
	SecondDeposit = "second-deposit"
	// Look-ups and lists name a currency that does not exist, for ten minutes.
	Unreadable = "unreadable"
)

// ClockSkew happens to a token, and to a payment that becomes paid: the shown times are minutes
// off, as with a wrong clock at Iamport. The seed decides the number of minutes.
const ClockSkew = "clock-skew"

// Routes with rules of their own.
const (
	tokenRoute  = "POST /users/getToken" //nolint:gosec // a route, not a credential
	cancelRoute = "POST /payments/cancel"
)

// Event is the kind of event that a fault happens to. Every fault belongs to one kind.
type Event string

// The events.
const (
	OnRequest Event = "request"
	OnWebhook Event = "webhook"
	OnPayment Event = "payment"
	OnClock   Event = "time"
)

func allEvents() []Event { return []Event{OnRequest, OnWebhook, OnPayment, OnClock} }

// namesOf returns the faults that can happen to an event.
func namesOf(e Event) []string {
	switch e {
	case OnRequest:
		return []string{Latency, Hang, Reset, TooMany, ServerError, HTML, Truncated, Unauthorized, Lost, CancelPending,
			Refused, BadRequest, Forbidden}
	case OnWebhook:
		return []string{WebhookNever, WebhookTwice, WebhookFirst, WebhookLate, WebhookForged, WebhookForm}
	case OnPayment:
		return []string{WrongAmount, WrongCurrency, FailedThenPaid, ConsoleCancel, SecondDeposit, Unreadable}
	case OnClock:
		return []string{ClockSkew}
	}
	return nil
}

// eventOf returns the event that the fault happens to, or "" for an unknown name.
func eventOf(name string) Event {
	for _, e := range allEvents() {
		if slices.Contains(namesOf(e), name) {
			return e
		}
	}
	return ""
}

// onlyByRule tells whether the fault has no share of a plan's rate.
func onlyByRule(name string) bool { return name == Refused || name == BadRequest || name == Forbidden }

// hasMessage tells whether a rule can set the message of the fault's answer.
func hasMessage(name string) bool { return onlyByRule(name) || name == TooMany }

// Names returns the names of all faults.
func Names() []string {
	var all []string
	for _, e := range allEvents() {
		all = append(all, namesOf(e)...)
	}
	return all
}
