package charge

import (
	"errors"
	"fmt"
)

// ErrNotSent means that the gateway has surely not begun the request: the request never left, or
// was turned away first. Without ErrNotSent, a call without an answer may have been carried out.
var ErrNotSent = errors.New("not sent")

// GatewayRefusal is the gateway's own refusal of a request. Operators get the words. Users get a
// reason, because the words are the payment provider's and may say anything.
type GatewayRefusal struct {
	Status int // of HTTP; a no may come with a 200
	// Of the gateway's envelope; empty for an answer without one, not the gateway's own.
	Code    string
	Message string // at most 200 printable characters; never to branch on
}

func (r *GatewayRefusal) Error() string {
	return fmt.Sprintf("status %d, code %q, message %q", r.Status, r.Code, r.Message)
}

// The reasons of GatewayUnavailable.
const (
	ReasonNoAnswer = "NO_ANSWER" // the gateway may have carried out the request
	ReasonNotSent  = "NOT_SENT"  // the gateway has done nothing: another try helps
	// The answer is too unreliable to move money by.
	ReasonUnusableAnswer = "UNUSABLE_ANSWER"
	// ReasonGatewayRefused is a reason of RefundNotPossible and InvalidArgument, too: the gateway
	// said no, and trying again does not help.
	ReasonGatewayRefused = "GATEWAY_REFUSED"
)

// The other reasons of RefundNotPossible.
const (
	ReasonWindowOver  = "WINDOW_OVER"  // now only the shop can refund
	ReasonPointsUsed  = "POINTS_USED"  // the points are used, held or expired
	ReasonNothingLeft = "NOTHING_LEFT" // all of the payment was given back
	ReasonUnderWay    = "UNDER_WAY"    // another refund of the payment has not ended
	// The payment has a problem, for the shop to decide.
	ReasonInDoubt      = "IN_DOUBT"
	ReasonTooSmall     = "TOO_SMALL"         // less than the smallest refund; see RefundQuote.Minimum
	ReasonTooMuch      = "TOO_MUCH"          // more than is left of the payment
	ReasonTooManyTimes = "TOO_MANY_TIMES"    // the charge was refunded in too many parts
	ReasonEnded        = "ENDED"             // the refund is no longer open
	ReasonOnItsWay     = "MAY_BE_ON_ITS_WAY" // the request may not have reached the gateway yet
)
