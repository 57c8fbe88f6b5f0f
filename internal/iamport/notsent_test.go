package iamport_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/iamport"
)

// wantSent fails unless err is GatewayUnavailable with that reason, and says whether the call may
// have been carried out.
func wantSent(t *testing.T, err error, reason string, mayBeSent bool) {
	t.Helper()
	wantCode(t, err, apierror.GatewayUnavailable)
	if errors.Is(err, charge.ErrNotSent) == mayBeSent {
		t.Errorf("%v: may have been sent: %t, want %t", err, !mayBeSent, mayBeSent)
	}
	if got := apierror.ReasonOf(err); got != reason {
		t.Errorf("%v: the reason is %q, want %q", err, got, reason)
	}
}

// granted is a client that has a token, of a gateway whose other answers are answer.
func granted(t *testing.T, answer http.HandlerFunc, cfg iamport.Config) *iamport.Client {
	t.Helper()
	var first atomic.Bool
	client := newStub(func(w http.ResponseWriter, r *http.Request) {
		if first.CompareAndSwap(false, true) {
			respondPaid(w, r)
			return
		}
		answer(w, r)
	}).client(t, cfg)
	mustPay(t, client)
	return client
}

func TestD9AnOpenBreakerSendsNothing(t *testing.T) {
	t.Parallel()
	stub, broken := switchable()
	client := stub.client(t, iamport.Config{})
	broken.Store(true)
	openBreaker(t, stub, client)
	before := stub.requests.Load()
	_, err := client.Cancel(t.Context(), newRefund())
	wantSent(t, err, charge.ReasonNotSent, false)
	wantCount(t, "requests", stub.requests.Load()-before, 0)
}

// lostAfterToken is a way to the gateway that is there for the token only.
type lostAfterToken struct {
	*http.Transport
	away *http.Transport
}

func (l lostAfterToken) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, "/payments/cancel") {
		return l.away.RoundTrip(r)
	}
	return l.Transport.RoundTrip(r)
}

func TestD9WhatFindsNoConnectionIsNotSent(t *testing.T) {
	t.Parallel()
	dials := map[string]func(ctx context.Context) error{
		"refused": func(context.Context) error { return &net.OpError{Op: "dial", Err: errors.New("connection refused")} },
		"no name": func(context.Context) error {
			return &net.DNSError{Err: "no such host", Name: "api.iamport.kr", IsNotFound: true}
		},
		"no time": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	}
	for name, dial := range dials {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, leave := context.WithCancel(t.Context())
			away := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				leave()
				return nil, dial(ctx)
			}}
			client := newStub(respondPaid).client(t, iamport.Config{Transport: lostAfterToken{iamport.NewTransport(1), away}})
			mustPay(t, client)
			_, err := client.Cancel(ctx, newRefund())
			wantSent(t, err, charge.ReasonNotSent, false)
		})
	}
}

func TestD9WhatHasNoTimeLeftIsNotSent(t *testing.T) {
	t.Parallel()
	client := granted(t, respondPaid, iamport.Config{})
	ctx, leave := context.WithCancel(t.Context())
	leave()
	_, err := client.Cancel(ctx, newRefund())
	wantSent(t, err, charge.ReasonNotSent, false)
}

func TestD9WhatGetsNoTokenIsNotSent(t *testing.T) {
	t.Parallel()
	stub := newStub(respondPaid)
	stub.grant = respond(502, "<html>")
	_, err := stub.client(t, iamport.Config{}).Cancel(t.Context(), newRefund())
	wantSent(t, err, charge.ReasonNotSent, false)
	wantCount(t, "requests", stub.requests.Load(), 0)
}

func TestD9WhatIsTurnedAwayIsNotDone(t *testing.T) {
	t.Parallel()
	no := `{"code":-1,"message":"no","response":null}`
	for name, c := range map[string]struct {
		answer    http.HandlerFunc
		reason    string
		mayBeSent bool
	}{
		"401":                 {respond(401, no), charge.ReasonGatewayRefused, false},
		"403":                 {respond(403, no), charge.ReasonGatewayRefused, false},
		"429":                 {respond(429, no), charge.ReasonNotSent, false},
		"a proxy's 403":       {respond(403, "<html>"), charge.ReasonNoAnswer, true},
		"a proxy's 429":       {respond(429, "<html>"), charge.ReasonNoAnswer, true},
		"a proxy's 400":       {respond(400, "<html>"), charge.ReasonNoAnswer, true},
		"404":                 {respond(404, no), charge.ReasonNoAnswer, true},
		"500":                 {respond(500, no), charge.ReasonNoAnswer, true},
		"502":                 {respond(502, "<html>"), charge.ReasonNoAnswer, true},
		"half an answer":      {respond(200, `{"code":0,"resp`), charge.ReasonNoAnswer, true},
		"no payment":          {respond(200, `{"code":0,"message":null,"response":null}`), charge.ReasonUnusableAnswer, true},
		"a broken connection": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, charge.ReasonNoAnswer, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := granted(t, c.answer, iamport.Config{}).Cancel(t.Context(), newRefund())
			wantSent(t, err, c.reason, c.mayBeSent)
		})
	}
}

// untold is a transport that does not tell of its connections.
type untold struct{}

func (untold) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/users/getToken" {
		w := httptest.NewRecorder()
		newStub(respondPaid).ServeHTTP(w, r)
		return w.Result(), nil
	}
	return nil, errors.New("lost")
}

func TestD9ATransportThatTellsNothingMayHaveSent(t *testing.T) {
	t.Parallel()
	_, err := newClient("http://iamport.test", iamport.Config{Transport: untold{}}).Cancel(t.Context(), newRefund())
	wantSent(t, err, charge.ReasonNoAnswer, true)
}

func TestD15ARefusalKeepsTheGatewaysWords(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 400} {
		client := granted(t, respond(status, `{"code":1,"message":"휴대폰결제는 당월에만\u0000 취소할 수 있습니다","response":null}`), iamport.Config{})
		_, err := client.Cancel(t.Context(), newRefund())
		wantCode(t, err, apierror.RefundNotPossible)
		refusal, ok := errors.AsType[*charge.GatewayRefusal](err)
		if !ok || refusal.Message != "휴대폰결제는 당월에만  취소할 수 있습니다" || refusal.Code != "1" || refusal.Status != status {
			t.Errorf("the refusal is %+v", refusal)
		}
		if apierror.ReasonOf(err) != charge.ReasonGatewayRefused {
			t.Errorf("the reason is %q", apierror.ReasonOf(err))
		}
	}
}

func TestD15ARefusedOrderIsNotToBeTriedAgain(t *testing.T) {
	t.Parallel()
	client := granted(t, respond(200, `{"code":1,"message":"이미 등록된 merchant_uid","response":null}`), iamport.Config{})
	err := client.Prepare(t.Context(), "order-1", 5000, "KRW")
	wantCode(t, err, apierror.GatewayUnavailable)
	if apierror.ReasonOf(err) != charge.ReasonGatewayRefused || strings.Contains(err.Error(), "again") || !strings.Contains(err.Error(), "이미 등록된") {
		t.Errorf("unexpected error %v", err)
	}
}
