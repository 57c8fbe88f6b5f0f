package charge

import (
	"errors"
	"fmt"
)

// ErrNotSent says that the gateway has surely not begun what it was asked for: the request never left, or was turned
// away before anything was done. Without it a call that brought no answer may have been carried out.
var ErrNotSent = errors.New("not sent")

// GatewayRefusal is the gateway's own no to a request. Operators get its words; a user gets a reason, because the
// words are the payment provider's and may say anything.
type GatewayRefusal struct {
	Status  int    // of HTTP; a no may come with a 200
	Code    string // of the gateway's envelope; empty when the answer had none, so was not the gateway's own
	Message string // at most 200 printable characters; never to branch on
}

func (r *GatewayRefusal) Error() string {
	return fmt.Sprintf("status %d, code %q, message %q", r.Status, r.Code, r.Message)
}

// The reasons of GatewayUnavailable.
const (
	ReasonNoAnswer       = "NO_ANSWER"       // the gateway may have done what it was asked for
	ReasonNotSent        = "NOT_SENT"        // it has done nothing: trying again helps
	ReasonUnusableAnswer = "UNUSABLE_ANSWER" // it answered, and the answer is not one to move money by
	// ReasonGatewayRefused is a reason of RefundNotPossible and InvalidArgument, too: the gateway said no, and trying
	// again does not help.
	ReasonGatewayRefused = "GATEWAY_REFUSED"
)

// The other reasons of RefundNotPossible.
const (
	ReasonWindowOver   = "WINDOW_OVER"       // only the shop can refund it now
	ReasonPointsUsed   = "POINTS_USED"       // its points are used, held or expired
	ReasonNothingLeft  = "NOTHING_LEFT"      // all of the payment was given back
	ReasonUnderWay     = "UNDER_WAY"         // another refund of the payment has not ended
	ReasonInDoubt      = "IN_DOUBT"          // the payment has a problem, which the shop decides about
	ReasonTooSmall     = "TOO_SMALL"         // less than the smallest refund; see RefundQuote.Minimum
	ReasonTooMuch      = "TOO_MUCH"          // more than is left of the payment
	ReasonTooManyTimes = "TOO_MANY_TIMES"    // the charge was refunded in too many parts
	ReasonEnded        = "ENDED"             // the refund is no longer open
	ReasonOnItsWay     = "MAY_BE_ON_ITS_WAY" // its request may not have reached the gateway yet
)
