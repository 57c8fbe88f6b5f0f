package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The faults, by name. Those of a kind exclude each other: at most one happens to one event.
const (
	// To a request of Iamport's REST interface.
	FaultLatency      = "latency"   // the answer is up to half a second late
	FaultHang         = "hang"      // no answer, until the caller leaves: 30 seconds at most, then a reset
	FaultReset        = "reset"     // the connection is reset; nothing happened
	FaultTooMany      = "429"       // Too Many Requests; nothing happened
	FaultServerError  = "500"       // Internal Server Error; nothing happened, and the same request succeeds the next time
	FaultHTML         = "html"      // a proxy's page with 502; nothing happened
	FaultTruncated    = "truncated" // it happened, and half of the answer arrives
	FaultUnauthorized = "401"       // the token expires on the way; nothing happened
	FaultLost         = "lost"      // it happened, and instead of the answer comes a reset
	// Only to POST /payments/cancel.
	FaultCancelPending = "cancel-pending" // it is accepted, and happens ten minutes later, unless it cannot any more

	// To a webhook.
	FaultWebhookNever  = "webhook-never"  // it is not sent
	FaultWebhookTwice  = "webhook-twice"  // it is sent twice
	FaultWebhookFirst  = "webhook-first"  // it was answered before the payment window's page hears of the payment
	FaultWebhookLate   = "webhook-late"   // it is sent an hour later, or by Deliver or Flush
	FaultWebhookForged = "webhook-forged" // beside it come three that lie about status, merchant_uid and imp_uid
	FaultWebhookForm   = "webhook-form"   // it is a form, where JSON is configured

	// To a payment that becomes paid in a window, with POST /sandbox-payments or by Pay.
	FaultWrongAmount    = "wrong-amount"     // one won, dollar, … less than was asked for
	FaultWrongCurrency  = "wrong-currency"   // dollars for won, won for everything else
	FaultFailedThenPaid = "failed-then-paid" // it fails, and is paid five minutes later; every other time nobody is told
	FaultConsoleCancel  = "console-cancel"   // ten and twenty minutes later somebody at the console cancels one half each
	FaultSecondDeposit  = "second-deposit"   // five minutes later the virtual account gets the same amount again
	FaultUnreadable     = "unreadable"       // look-ups and lists name a currency that there is not, for ten minutes

	// To a token, and to a payment that becomes paid.
	FaultClockSkew = "clock-skew" // the times shown are minutes off, as if Iamport's clock was; how many, the seed says
)

// event is what faults happen to; every fault belongs to one.
type event string

const (
	aRequest event = "request"
	aWebhook event = "webhook"
	aPayment event = "payment"
	aTime    event = "time"
)

// faultsOf are the names of all faults that happen to such an event.
func faultsOf(e event) []string {
	switch e {
	case aRequest:
		return []string{FaultLatency, FaultHang, FaultReset, FaultTooMany, FaultServerError, FaultHTML,
			FaultTruncated, FaultUnauthorized, FaultLost, FaultCancelPending}
	case aWebhook:
		return []string{FaultWebhookNever, FaultWebhookTwice, FaultWebhookFirst, FaultWebhookLate, FaultWebhookForged, FaultWebhookForm}
	case aPayment:
		return []string{FaultWrongAmount, FaultWrongCurrency, FaultFailedThenPaid, FaultConsoleCancel, FaultSecondDeposit, FaultUnreadable}
	case aTime:
		return []string{FaultClockSkew}
	}
	return nil
}

func events() []event { return []event{aRequest, aWebhook, aPayment, aTime} }

// eventOf is what the fault of that name happens to; "" for a name that no fault has.
func eventOf(name string) event {
	for _, e := range events() {
		if slices.Contains(faultsOf(e), name) {
			return e
		}
	}
	return ""
}

// Names are the names of all faults.
func Names() []string {
	var all []string
	for _, e := range events() {
		all = append(all, faultsOf(e)...)
	}
	return all
}

// Plan is what is to go wrong. The zero value is nothing.
type Plan struct {
	// Seed and Rate: see SetFaults. Rate, from 0 to 1, is the share of requests, of webhooks and of payments
	// that meet some fault, each as likely as the others of its kind. Faults by name come before.
	Seed   uint64      `json:"seed"`
	Rate   json.Number `json:"rate,omitempty"`
	Down   bool        `json:"down"` // every connection is closed without an answer
	Faults []Fault     `json:"faults"`
}

// Fault is one thing that is to go wrong, and how often.
type Fault struct {
	Name  string      `json:"name"`
	Rate  json.Number `json:"rate,omitempty"`  // the share of events, from 0 to 1, up to four decimals; none is 1
	Count int         `json:"count,omitempty"` // how often at most; 0 is without end
	Route string      `json:"route,omitempty"` // one of Requests' patterns, or the beginning of some and "*"; none is all
}

const (
	maxFaults = 100
	maxCount  = 1_000_000
)

// shares are parts of a whole, in ten-thousandths: a share is read like an amount, and as exactly.
const wholeShare = int64(moneyUnit)

func shareOf(rate json.Number, otherwise int64) (int64, error) {
	if rate == "" {
		return otherwise, nil
	}
	share, err := parseMoney(string(rate))
	if err != nil || share < 0 || int64(share) > wholeShare {
		return 0, fmt.Errorf("the rate %q is not a number from 0 to 1 with up to four decimals", rate)
	}
	return int64(share), nil
}

// check is the first mistake in the plan, if it has one; routes are those that faults can have.
func (p Plan) check(routes []string) error {
	if _, err := shareOf(p.Rate, 0); err != nil {
		return err
	}
	if len(p.Faults) > maxFaults {
		return fmt.Errorf("there are %d faults, more than %d", len(p.Faults), maxFaults)
	}
	for _, f := range p.Faults {
		if err := f.check(routes); err != nil {
			return fmt.Errorf("fault %q: %w", f.Name, err)
		}
	}
	return nil
}

func (f Fault) check(routes []string) error {
	e := eventOf(f.Name)
	if e == "" {
		return errors.New("there is no such fault; there are " + strings.Join(Names(), ", "))
	}
	if _, err := shareOf(f.Rate, wholeShare); err != nil {
		return err
	}
	if f.Count < 0 || f.Count > maxCount {
		return fmt.Errorf("the count %d is not from 0 to %d", f.Count, maxCount)
	}
	if f.Route != "" && e != aRequest {
		return fmt.Errorf("it happens to a %s, which has no route", e)
	}
	if f.Name == FaultCancelPending && !f.covers(cancelRoute) {
		return errors.New("it happens to " + cancelRoute + " only")
	}
	if f.Route != "" && !slices.ContainsFunc(routes, f.covers) {
		return fmt.Errorf("no route is %q; there are %s", f.Route, strings.Join(routes, ", "))
	}
	return nil
}

// covers tells whether the fault can happen to that route.
func (f Fault) covers(route string) bool {
	if beginning, ok := strings.CutSuffix(f.Route, "*"); ok {
		return strings.HasPrefix(route, beginning)
	}
	return f.Route == "" || f.Route == route
}

// ParsePlan reads a plan as a flag or a setting has it, settings and faults separated by commas:
//
//	seed=7,rate=0.3
//	hang=0.1,429=1:2,reset=1:1@POST /payments/prepare,webhook-late,down=1
//
// A fault is name[=rate[:count][@route]]. Whether routes exist only SetFaults knows.
func ParsePlan(text string) (Plan, error) {
	var p Plan
	for item := range strings.SplitSeq(text, ",") {
		name, value, given := strings.Cut(strings.TrimSpace(item), "=")
		var err error
		switch {
		case name == "" && !given:
		case name == "seed":
			p.Seed, err = strconv.ParseUint(value, 10, 64)
		case name == "down":
			p.Down, err = strconv.ParseBool(value)
		case name == "rate":
			p.Rate = json.Number(value)
			_, err = shareOf(p.Rate, 0)
		default:
			var f Fault
			f, err = parseFault(name, value)
			p.Faults = append(p.Faults, f)
		}
		if err != nil {
			return Plan{}, fmt.Errorf("%q: %w", item, err)
		}
	}
	return p, nil
}

func parseFault(name, value string) (Fault, error) {
	f := Fault{Name: name}
	value, f.Route, _ = strings.Cut(value, "@")
	rate, count, counted := strings.Cut(value, ":")
	f.Rate = json.Number(rate)
	if counted {
		n, err := strconv.Atoi(count)
		if err != nil {
			return Fault{}, fmt.Errorf("the count %q is no number", count)
		}
		f.Count = n
	}
	route := f
	route.Route = ""
	return f, route.check(nil)
}
