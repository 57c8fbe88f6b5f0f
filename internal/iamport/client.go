// Package iamport asks Iamport (아임포트, PortOne V1), the payment gateway, about payments.
//
// The domain credits money by Iamport's answers, so the client returns only trustworthy answers:
// complete, about the requested payment, with amounts exact to the last digit. All other answers
// become GATEWAY_UNAVAILABLE, and the caller may ask again. The client protects both sides: calls
// end in bounded time, reads are retried, a gateway in trouble is left alone for a while, and a
// call that moves money is never sent twice.
//
// "Contract" in the comments is docs/iamport/CONTRACT.md.
package iamport

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"pointcharge/internal/charge"
)

// Config holds Iamport's address, the merchant's credentials and the timeouts. Every field but Key
// and Secret has a sensible default.
type Config struct {
	URL    string // without a path; default https://api.iamport.kr
	Key    string // imp_key (REST API 키)
	Secret string // imp_secret

	ChannelKey string // channel_key (채널 키) of the channel for virtual accounts
	PGAPIKey   string // pg_api_key of KG Inicis, a secret; other providers need no key
	// Address for notices of deposits; empty leaves the address to Iamport's console.
	NoticeURL string

	// IncludeSandbox lets Payment see payments of test channels, hidden by Iamport since 2026-01-26
	// (contract §0.1). The value follows the server's mode: off in live mode.
	IncludeSandbox bool

	// Timeout is for one method call, waits and retries included, and for each try of PaymentList;
	// default 15 s.
	Timeout        time.Duration
	AttemptTimeout time.Duration // for one try of a retryable call; default 5 s
	RetryDelay     time.Duration // before the second try, then growing, ± half; default 200 ms
	MaxInFlight    int64         // concurrent requests; further calls wait; default 64
	// Payments on a page of PaymentList; default 1,000, Iamport's limit.
	PageSize int

	Transport http.RoundTripper // default NewTransport(MaxInFlight)
	Log       *slog.Logger      // default: discarded
}

// Client is a charge.Gateway and safe for concurrent use. One client is enough for a process: the
// client holds the access token, the connections and the state of the circuit breaker.
type Client struct {
	wire           *wire
	tokens         *tokens
	timeout        time.Duration
	includeSandbox bool
	channelKey     string
	pgAPIKey       string
	noticeURL      string
	pageSize       int
}

// New makes a client without calling Iamport: the first call asks for the first token.
func New(cfg Config) *Client {
	cfg = withDefaults(cfg)
	wire := newWire(cfg)
	return &Client{
		wire:           wire,
		tokens:         newTokens(wire, cfg.Key, cfg.Secret, cfg.Timeout),
		timeout:        cfg.Timeout,
		includeSandbox: cfg.IncludeSandbox,
		channelKey:     cfg.ChannelKey,
		pgAPIKey:       cfg.PGAPIKey,
		noticeURL:      cfg.NoticeURL,
		pageSize:       cfg.PageSize,
	}
}

func withDefaults(cfg Config) Config {
	cfg.URL = cmp.Or(cfg.URL, "https://api.iamport.kr")
	cfg.Timeout = cmp.Or(cfg.Timeout, 15*time.Second)
	cfg.AttemptTimeout = cmp.Or(cfg.AttemptTimeout, 5*time.Second)
	cfg.RetryDelay = cmp.Or(cfg.RetryDelay, 200*time.Millisecond)
	cfg.MaxInFlight = cmp.Or(cfg.MaxInFlight, 64)
	cfg.PageSize = cmp.Or(cfg.PageSize, 1000)
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Transport == nil {
		cfg.Transport = NewTransport(int(cfg.MaxInFlight))
	}
	return cfg
}

// Payment reads one payment (contract §1.5). The error is INVALID_ARGUMENT, before any call, for a
// malformed imp_uid; PAYMENT_NOT_FOUND when Iamport knows no such payment, or only a test channel's
// payment with IncludeSandbox off; and GATEWAY_UNAVAILABLE otherwise.
func (c *Client) Payment(ctx context.Context, impUID string) (charge.Payment, error) {
	if err := checkID("impUid", impUID, maxImpUID); err != nil {
		return charge.Payment{}, err
	}
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	path := "/payments/" + url.PathEscape(impUID)
	if c.includeSandbox {
		path += "?include_sandbox=true"
	}
	response, err := c.callWithToken(ctx, getCall(path))
	if isNotFound(err) {
		return charge.Payment{}, charge.UnknownPayment(err)
	}
	if err != nil {
		return charge.Payment{}, newUnavailable("read payment", err)
	}
	payment, err := decodePaymentOf(impUID, response)
	if err != nil {
		return charge.Payment{}, newUnavailable("read payment", err)
	}
	return payment, nil
}

const (
	attemptsPage = 100
	maxPages     = 5 // of one list of attempts to pay an order
)

// Payments reads the attempts to pay one order, attempts of test channels included, also without
// IncludeSandbox (contract §1.5). The result has all attempts; for an order with more than 500, the
// first 500 and all paid, cancelled and ready attempts. An order without attempts has an empty
// result and no error.
//
// Errors: INVALID_ARGUMENT, before any call, for an impossible merchant_uid, and
// GATEWAY_UNAVAILABLE when some attempts could not be read. The readable attempts come beside the
// error.
func (c *Client) Payments(ctx context.Context, merchantUID string) ([]charge.Payment, error) {
	if err := checkID("merchantUid", merchantUID, maxMerchantUID); err != nil {
		return nil, err
	}
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	all := c.readAttempts(ctx, merchantUID, "")
	if all.err == nil && all.more {
		for _, status := range []charge.PaymentStatus{charge.Paid, charge.Cancelled, charge.Ready} {
			all.merge(c.readAttempts(ctx, merchantUID, status))
		}
	}
	// A missing page is the weightier error: an attempt may be missing, too.
	if err := cmp.Or(all.err, all.unread); err != nil {
		return all.payments, newUnavailable("list payments", err)
	}
	return all.payments, nil
}

// attempts are payments of one order.
type attempts struct {
	payments []charge.Payment
	more     bool  // there are more pages than are read
	unread   error // the error of the first untrustworthy attempt
	err      error // why a page is missing
}

// merge adds the attempts of a list that must be complete.
func (a *attempts) merge(list attempts) {
	if list.more && list.err == nil {
		list.err = newUntrustworthy("a list without an end")
	}
	for _, p := range list.payments {
		if !slices.ContainsFunc(a.payments, func(known charge.Payment) bool { return known.ImpUID == p.ImpUID }) {
			a.payments = append(a.payments, p)
		}
	}
	a.unread, a.err = cmp.Or(a.unread, list.unread), cmp.Or(a.err, list.err)
}

// readAttempts reads the attempts of a status, or of every status, page by page.
func (c *Client) readAttempts(ctx context.Context, merchantUID string, status charge.PaymentStatus) (list attempts) {
	for number := int64(1); ; {
		p, err := c.readPage(ctx, merchantUID, status, number)
		list.payments, list.unread = append(list.payments, p.payments...), cmp.Or(list.unread, p.bad)
		switch {
		case err != nil:
			list.err = err
			return list
		case p.next == 0:
			return list
		case p.next != number+1:
			list.err = newUntrustworthy("a list without an end")
			return list
		case p.next > maxPages:
			list.more = true
			return list
		}
		number = p.next
	}
}

// readPage reads one page, oldest attempt first: a new attempt during the reading lengthens the
// last page, and moves no attempt from one page to the next.
func (c *Client) readPage(ctx context.Context, merchantUID string, status charge.PaymentStatus, number int64) (page, error) {
	query := url.Values{
		"page":    {strconv.FormatInt(number, 10)},
		"limit":   {strconv.Itoa(attemptsPage)},
		"sorting": {"started"},
	}
	path := "/payments/findAll/" + url.PathEscape(merchantUID)
	if status != "" {
		path += "/" + string(status)
	}
	response, err := c.callWithToken(ctx, getCall(path+"?"+query.Encode()))
	if isNotFound(err) && number == 1 {
		return page{}, nil
	}
	if err != nil {
		return page{}, err
	}
	return decodePageOf(merchantUID, response)
}

// withTimeout bounds a method call, however late the caller's deadline is.
func (c *Client) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.timeout, errNoAnswer)
}

// callWithToken sends a call with a token. A 401 proves that Iamport did not execute the call, so
// even a call that moves money is sent again with a new token, once: a token can expire on the way
// (contract §1.3).
func (c *Client) callWithToken(ctx context.Context, call call) (json.RawMessage, error) {
	token, err := c.tokens.validToken(ctx)
	if err != nil {
		return nil, notSent(err)
	}
	response, err := c.wire.sendWithRetries(ctx, call.withToken(token))
	if !isUnauthorized(err) {
		return response, err
	}
	if token, err = c.tokens.replaceToken(ctx, token); err != nil {
		return nil, notSent(err)
	}
	return c.wire.sendWithRetries(ctx, call.withToken(token))
}
