package iamport

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
)

var (
	// errLost: the call was sent, or not, and no readable answer came back.
	errLost = errors.New("no readable answer")
	// errNoAnswer is errLost after this client's timeout, not the caller's.
	errNoAnswer = fmt.Errorf("%w: timed out", errLost)
)

func newUntrustworthy(why string) error { return fmt.Errorf("%w: %s", charge.ErrUntrustworthy, why) }

// refusalStatus returns the HTTP status of a refusal, and whether Iamport's own envelope was around
// the answer. A refusal is any status but 2xx, or a code but 0 in a 200 (F18).
func refusalStatus(err error) (status int, iamportsOwn bool) {
	if r, ok := errors.AsType[*charge.GatewayRefusal](err); ok {
		return r.Status, r.Code != ""
	}
	return 0, false
}

// isTurnedAway tells whether Iamport has not begun the call: the token is invalid, the caller is
// not allowed, or there were too many calls.
func isTurnedAway(r *charge.GatewayRefusal) bool {
	switch r.Status {
	case http.StatusUnauthorized:
		return true
	case http.StatusForbidden, http.StatusTooManyRequests:
		return r.Code != ""
	}
	return false
}

// isNotFound requires Iamport's own envelope around a 404. A proxy's 404 page says nothing about
// the payment, and would drop a webhook that is sent only once (contract §0.4).
func isNotFound(err error) bool {
	status, iamportsOwn := refusalStatus(err)
	return status == http.StatusNotFound && iamportsOwn
}

func isUnauthorized(err error) bool {
	status, _ := refusalStatus(err)
	return status == http.StatusUnauthorized
}

// isGone is the answer to a page beyond the last one (contract §1.5).
func isGone(err error) bool {
	status, iamportsOwn := refusalStatus(err)
	return status == http.StatusBadRequest && iamportsOwn
}

func isDeclined(err error) bool {
	status, _ := refusalStatus(err)
	return status == http.StatusOK
}

// isRejected tells whether Iamport refused a request, by a code in a 200 or with a 400: nothing
// happened.
func isRejected(err error) bool {
	status, iamportsOwn := refusalStatus(err)
	return iamportsOwn && (status == http.StatusOK || status == http.StatusBadRequest)
}

// isTransient errors may be gone at the next try. There is no documented rate limit, so a 429 is
// treated like trouble (contract §1.1).
func isTransient(err error) bool {
	status, _ := refusalStatus(err)
	return isGatewayFault(err) || status == http.StatusTooManyRequests
}

// isGatewayFault tells whether the error is a sign of a broken gateway. A 4xx is a clear answer of
// a healthy gateway.
func isGatewayFault(err error) bool {
	status, _ := refusalStatus(err)
	return status >= http.StatusInternalServerError || errors.Is(err, errLost)
}

// isCallersEnd tells whether the caller ended the call, by leaving or by a short deadline. Such
// errors say nothing about the gateway.
func isCallersEnd(err error) bool {
	ended := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	return ended && !errors.Is(err, errLost)
}

// newUnavailable says why no answer can be used, and advises another try only where one may help.
func newUnavailable(doing string, err error) error {
	reason, message := charge.ReasonNoAnswer, "The payment gateway did not answer. Try again."
	status, iamportsOwn := refusalStatus(err)
	switch {
	case status == http.StatusUnauthorized, iamportsOwn && status == http.StatusForbidden:
		reason, message = charge.ReasonGatewayRefused, "The payment gateway refuses this shop's requests. Ask the shop."
	case errors.Is(err, charge.ErrNotSent):
		reason, message = charge.ReasonNotSent, "The payment gateway could not be reached. Nothing was done. Try again."
	case errors.Is(err, charge.ErrUntrustworthy), isDeclined(err):
		reason, message = charge.ReasonUnusableAnswer, "The payment gateway gave an unusable answer. Try again later."
	}
	return gatewayError(apierror.GatewayUnavailable, reason, message, doing, err)
}

// newRejected is the error of Iamport's refusal: nothing happened, and the same request will be
// refused again.
func newRejected(code apierror.Code, message, doing string, err error) error {
	return gatewayError(code, charge.ReasonGatewayRefused, message, doing, err)
}

func gatewayError(code apierror.Code, reason, message, doing string, err error) error {
	return &apierror.Error{Code: code, Reason: reason, Message: message, Err: fmt.Errorf("iamport: %s: %w", doing, err)}
}

func newInvalid(message string) error {
	return &apierror.Error{Code: apierror.InvalidArgument, Message: message}
}

// The lengths of ids. Iamport promises 32 characters for an imp_uid but calls the id opaque, so the
// bound has some room. A merchant_uid is this server's (contract §1.4).
const (
	maxImpUID      = 64
	maxMerchantUID = 40
)

// checkID refuses ids that could change the meaning of a URL: "imp_1?include_sandbox=true" and
// "find/other-order" are ids to a naive client (contract §0.9, F1).
func checkID(name, id string, maxLength int) error {
	if id == "" || len(id) > maxLength {
		return newInvalid(name + " is missing or too long.")
	}
	for _, c := range []byte(id) {
		if !isIDByte(c) {
			return newInvalid(name + " may hold letters, digits, - and _ only.")
		}
	}
	return nil
}

func isIDByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}
