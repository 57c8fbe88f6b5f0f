package iamport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/sony/gobreaker/v2"
	"golang.org/x/sync/semaphore"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/outgoing"
)

// call is one request to Iamport, ready to be sent more than once.
type call struct {
	method string
	path   string // escaped, with the query
	body   any    // sent as JSON; nil for a GET
	token  string // "" for getToken, a call without a token
	safe   bool   // a repetition moves no money, so the call may be retried
	large  bool   // the answer may be a thousand payments
}

func getCall(path string) call { return call{method: http.MethodGet, path: path, safe: true} }
func postCall(path string, body any) call {
	return call{method: http.MethodPost, path: path, body: body}
}
func deleteCall(path string) call { return call{method: http.MethodDelete, path: path} }

func (c call) withToken(t *token) call {
	c.token = t.text
	return c
}

func (c call) newRequest(ctx context.Context, base string) (*http.Request, error) {
	var body io.Reader
	if c.body != nil {
		encoded, err := json.Marshal(c.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, base+c.path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if c.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

// wire carries calls to Iamport and reports whether an answer arrived. wire does not handle tokens.
type wire struct {
	base     string
	http     *http.Client
	inFlight *semaphore.Weighted
	breaker  *gobreaker.CircuitBreaker[json.RawMessage]
	attempt  time.Duration // for one try of a safe call
	timeout  time.Duration // for the only try of any other
	delay    time.Duration
	log      *slog.Logger
}

func newWire(cfg Config) *wire {
	return &wire{
		base: strings.TrimRight(cfg.URL, "/"),
		// Iamport never redirects. The client follows no redirect, because the target would receive
		// the token.
		http:     outgoing.NewClient(cfg.Transport),
		inFlight: semaphore.NewWeighted(cfg.MaxInFlight),
		breaker:  newBreaker(cfg.Log),
		attempt:  cfg.AttemptTimeout,
		timeout:  cfg.Timeout,
		delay:    cfg.RetryDelay,
		log:      cfg.Log,
	}
}

// newBreaker returns a breaker that opens after ten failed tries within half a minute, if at least
// half of all tries failed. Five seconds later the breaker lets three tries through to see whether
// the gateway is well again.
func newBreaker(log *slog.Logger) *gobreaker.CircuitBreaker[json.RawMessage] {
	return gobreaker.NewCircuitBreaker[json.RawMessage](gobreaker.Settings{
		Name:         "iamport",
		MaxRequests:  3,
		Interval:     30 * time.Second,
		BucketPeriod: 5 * time.Second,
		Timeout:      5 * time.Second,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return c.TotalFailures >= 10 && c.TotalFailures >= c.TotalSuccesses
		},
		IsSuccessful: func(err error) bool { return !isGatewayFault(err) },
		IsExcluded:   isCallersEnd,
		OnStateChange: func(_ string, from, to gobreaker.State) {
			log.Warn("iamport circuit breaker changed", "from", from.String(), "to", to.String())
		},
	})
}

// maxTries is how often a safe call is sent at most.
const maxTries = 3

// sendWithRetries returns the response in Iamport's envelope. Safe calls are retried after trouble,
// with jitter so that calls failing together do not return together; other calls are sent once.
func (w *wire) sendWithRetries(ctx context.Context, call call) (json.RawMessage, error) {
	if !call.safe {
		return w.tryOnce(ctx, call)
	}
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval = w.delay
	return backoff.Retry(ctx, func() (json.RawMessage, error) {
		response, err := w.tryOnce(ctx, call)
		if err != nil && !isTransient(err) {
			err = backoff.Permanent(err)
		}
		return response, err
	}, backoff.WithBackOff(pause), backoff.WithMaxTries(maxTries), backoff.WithNotify(w.logRetry(call)))
}

func (w *wire) logRetry(call call) backoff.Notify {
	return func(err error, pause time.Duration) {
		status, _ := refusalStatus(err) // not err: an answer's text may echo the request
		w.log.Debug("iamport call failed, retrying", "method", call.method, "status", status, "after", pause)
	}
}

// tryOnce waits for a free place outside the breaker: when the breaker opens, the queue drains at
// once.
func (w *wire) tryOnce(ctx context.Context, call call) (json.RawMessage, error) {
	if err := w.inFlight.Acquire(ctx, 1); err != nil {
		return nil, notSent(context.Cause(ctx))
	}
	defer w.inFlight.Release(1)
	response, err := w.breaker.Execute(func() (json.RawMessage, error) { return w.exchangeOnce(ctx, call) })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		err = notSent(err)
	}
	return response, err
}

func notSent(err error) error { return fmt.Errorf("%w: %w", charge.ErrNotSent, err) }

func (w *wire) exchangeOnce(ctx context.Context, call call) (json.RawMessage, error) {
	timeout, limit := w.timeout, maxBody
	switch {
	case call.large:
		limit = maxListBody
	case call.safe:
		timeout = w.attempt
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errNoAnswer)
	defer cancel()
	if cause := context.Cause(ctx); cause != nil {
		return nil, notSent(cause)
	}
	var way connection
	req, err := call.newRequest(way.withTrace(ctx), w.base)
	if err != nil {
		return nil, notSent(err)
	}
	res, err := w.http.Do(req)
	if err != nil && !way.mayHaveCarried() {
		return nil, notSent(connectionError(ctx, err))
	}
	if err != nil {
		return nil, connectionError(ctx, err)
	}
	defer res.Body.Close()
	body, err := readBody(res, limit)
	if err != nil {
		return nil, connectionError(ctx, err)
	}
	return openEnvelope(res.StatusCode, body)
}

// connection observes the search for a connection. The hooks may run after the request has ended.
type connection struct{ wanted, got atomic.Bool }

func (c *connection) withTrace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { c.wanted.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { c.got.Store(true) },
	})
}

// mayHaveCarried is false only after a search known to have failed: no address, no answer, no
// handshake, or no time. A transport that does not report the search may have sent the request.
func (c *connection) mayHaveCarried() bool { return c.got.Load() || !c.wanted.Load() }

// connectionError tells what ended a call without an answer: the caller, this client's timeout or
// the network.
func connectionError(ctx context.Context, err error) error {
	if errors.Is(err, charge.ErrUntrustworthy) {
		return err
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // without the URL, which only repeats the request
	}
	return fmt.Errorf("%w: %w", errLost, err)
}

// envelope is around every answer of Iamport (contract §1.2, F27).
type envelope struct {
	Code     json.Number     `json:"code"`
	Message  string          `json:"message"`
	Response json.RawMessage `json:"response"`
}

// openEnvelope takes the response out of the envelope. A 200 alone is no success (contract §0.2).
func openEnvelope(status int, body []byte) (json.RawMessage, error) {
	var e envelope
	err := json.Unmarshal(body, &e)
	switch {
	case status < 200 || status > 299:
		refusal := &charge.GatewayRefusal{Status: status, Code: e.Code.String(), Message: apierror.Printable(e.Message, maxMessage)}
		if isTurnedAway(refusal) {
			return nil, notSent(refusal)
		}
		return nil, refusal
	case err != nil || e.Code == "":
		return nil, fmt.Errorf("%w: status %d without Iamport's envelope", errLost, status)
	case e.Code != "0":
		return nil, &charge.GatewayRefusal{Status: http.StatusOK, Code: e.Code.String(), Message: apierror.Printable(e.Message, maxMessage)}
	}
	return e.Response, nil
}

// maxMessage bounds a message of Iamport's. The author may be the payment provider, or a proxy.
const maxMessage = 200
