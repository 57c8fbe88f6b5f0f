// Package apierror has the errors that clients of the API see, and the rules for what they send.
package apierror

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
)

// Code names one way a request can be refused. The list is closed: the schema's enum ErrorCode
// holds the same names, and a test in package graph compares the two.
type Code string

// The codes, in the order of the schema.
const (
	Unauthenticated       Code = "UNAUTHENTICATED"
	Forbidden             Code = "FORBIDDEN"
	InvalidArgument       Code = "INVALID_ARGUMENT"
	NotFound              Code = "NOT_FOUND"
	ProductUnavailable    Code = "PRODUCT_UNAVAILABLE"
	PaymentNotFound       Code = "PAYMENT_NOT_FOUND"
	PaymentNotPaid        Code = "PAYMENT_NOT_PAID"
	PaymentMismatch       Code = "PAYMENT_MISMATCH"
	PaymentAlreadyCharged Code = "PAYMENT_ALREADY_CHARGED"
	InsufficientPoints    Code = "INSUFFICIENT_POINTS"
	RefundNotPossible     Code = "REFUND_NOT_POSSIBLE"
	GatewayUnavailable    Code = "GATEWAY_UNAVAILABLE"
	RateLimited           Code = "RATE_LIMITED"
	Internal              Code = "INTERNAL"
)

// Error is a refusal. Message is safe to show to anybody; Err is for the log and is never shown.
type Error struct {
	Code    Code
	Message string
	Err     error
	// TransactionID is set with PaymentAlreadyCharged: the line the payment was charged with, so
	// that a client that lost its first answer can read it.
	TransactionID string
	// Balance is set with InsufficientPoints: the points that can be spent.
	Balance *int64
	// RetryAfter is set with RateLimited: the seconds until another try can succeed, at least 1.
	RetryAfter int
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s: %s", e.Code, e.Message)
	}
	return fmt.Sprintf("%s: %s: %v", e.Code, strings.TrimSuffix(e.Message, "."), e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the code of the first *Error in err's chain, Internal for any other error, and empty for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// New returns an *Error with a message for anybody.
func New(code Code, format string, args ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// RecoverPanic calls do and makes an error of its panic, with the stack for the log. On a goroutine that net/http did not
// start, a panic would end the process, and with it everybody's requests.
func RecoverPanic(do func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return do()
}

// Summarize returns one of the errors, and how many there are: with the gateway down all are the same. One that is not the
// gateway's says more.
func Summarize(of string, errs []error) error {
	bad := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil })
	if len(bad) == 0 {
		return nil
	}
	worst := max(0, slices.IndexFunc(bad, func(err error) bool { return CodeOf(err) == Internal }))
	return fmt.Errorf("%d of %d %s failed, such as: %w", len(bad), len(errs), of, bad[worst])
}
