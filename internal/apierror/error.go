// Package apierror has the errors visible to clients of the API, and the rules for clients' input.
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

// Error is a refusal. Message is safe to show to every caller; Err is for the log and is never
// shown.
type Error struct {
	Code     Code
	Reason   string         // a closed word per code
	Argument string         // the name of the wrong input
	Params   map[string]any // facts for a message in the front end's own language
	Message  string
	Err      error
}

// The keys of Params. Each has one type, so that every front end can rely on it.
const (
	// ParamTransactionID comes with PaymentAlreadyCharged: the id, a string, of the payment's
	// CHARGE line. A client that lost its first answer reads that line.
	ParamTransactionID = "transactionId"
	// ParamBalance comes with InsufficientPoints: the spendable points, an int64.
	ParamBalance = "balance"
	// ParamRetryAfter comes with RateLimited: the seconds until another try can succeed, an int of
	// at least 1.
	ParamRetryAfter = "retryAfter"
	// ParamLimit comes with InvalidArgument and RefundNotPossible: the broken bound, an int64.
	ParamLimit = "limit"
)

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s: %s", e.Code, e.Message)
	}
	return fmt.Sprintf("%s: %s: %v", e.Code, strings.TrimSuffix(e.Message, "."), e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first *Error in err's chain, Internal for any other error, and ""
// for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// New returns an Error with a code and a message.
func New(code Code, format string, args ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Refuse returns an Error with a reason, one of the closed words of the code.
func Refuse(code Code, reason, format string, args ...any) error {
	return &Error{Code: code, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Invalid returns an Error InvalidArgument with the name of the wrong input.
func Invalid(argument, format string, args ...any) error {
	return &Error{Code: InvalidArgument, Argument: argument, Message: fmt.Sprintf(format, args...)}
}

// Param returns the value for key in the first *Error of err's chain, if the value has type T.
func Param[T any](err error, key string) (value T, ok bool) {
	if e, isRefusal := errors.AsType[*Error](err); isRefusal {
		value, ok = e.Params[key].(T)
	}
	return value, ok
}

// ReasonOf returns the reason of the first *Error in err's chain, or "".
func ReasonOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ""
}

// RecoverPanic calls do and turns a panic into an error with the stack, for the log. A panic on a
// goroutine not started by net/http would end the process with all requests.
func RecoverPanic(do func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return do()
}

// Summarize returns one of the errors and their number, because with the gateway down all are
// alike. An Internal error says more than a refusal, and is preferred.
func Summarize(of string, errs []error) error {
	bad := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil })
	if len(bad) == 0 {
		return nil
	}
	worst := max(0, slices.IndexFunc(bad, func(err error) bool { return CodeOf(err) == Internal }))
	return fmt.Errorf("%d of %d %s failed, such as: %w", len(bad), len(errs), of, bad[worst])
}
