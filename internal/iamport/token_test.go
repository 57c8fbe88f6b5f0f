package iamport_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/iamport"
)

// payConcurrently calls Payment a hundred times at once and returns the errors.
func payConcurrently(t *testing.T, c *iamport.Client) []error {
	t.Helper()
	failures := make([]error, 100)
	var all sync.WaitGroup
	for i := range failures {
		all.Go(func() { _, failures[i] = c.Payment(t.Context(), "imp_1") })
	}
	all.Wait()
	return failures
}

func refuseToken(token string, then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer "+token {
			respond(401, unauthorized)(w, r)
			return
		}
		then(w, r)
	}
}

func TestF25TokenLivesByTheServersClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub := newStub(respondPaid) // the stub's clock says 1970: no clock is more wrong
		client := stub.timeless(iamport.Config{})
		mustPay(t, client)
		wait(1800*time.Second - 31*time.Second)
		mustPay(t, client)
		wantCount(t, "getToken 31 s before the end", stub.getTokens.Load(), 1)
		wait(2 * time.Second)
		mustPay(t, client)
		wantCount(t, "getToken 29 s before the end", stub.getTokens.Load(), 2)
	})
}

func TestF25TokenExtendedInItsLastMinuteIsUsedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub := newStub(respondPaid)
		start := time.Now()
		stub.grant = func(w http.ResponseWriter, _ *http.Request) {
			now, expiredAt := int64(time.Since(start).Seconds()), int64(1800)
			if now > 1740 {
				expiredAt += 300
			}
			io.WriteString(w, grant("the-same", now, expiredAt))
		}
		client := stub.timeless(iamport.Config{})
		mustPay(t, client)
		wait(1771 * time.Second)
		mustPay(t, client)
		wait(290 * time.Second)
		mustPay(t, client)
		wantCount(t, "getToken", stub.getTokens.Load(), 2)
	})
}

func TestF25TokenThatExpiresOnItsWayIsRenewedAndTheCallReplayed(t *testing.T) {
	t.Parallel()
	stub := newStub(refuseToken("token-1", respondPaid))
	mustPay(t, stub.timeless(iamport.Config{}))
	wantCount(t, "getToken", stub.getTokens.Load(), 2)
	wantCount(t, "requests", stub.requests.Load(), 2)
}

func TestF25SecondUnauthorizedIsAnErrorAndNoLoop(t *testing.T) {
	t.Parallel()
	stub := newStub(respond(401, unauthorized))
	_, err := stub.timeless(iamport.Config{}).Payment(t.Context(), "imp_1")
	wantCode(t, err, apierror.GatewayUnavailable)
	wantCount(t, "getToken", stub.getTokens.Load(), 2)
	wantCount(t, "requests", stub.requests.Load(), 2)
}

func TestF25HundredCallersAskForOneToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub := newStub(respondPaid)
		prompt := stub.grant
		stub.grant = func(w http.ResponseWriter, r *http.Request) {
			wait(time.Second) // passes when all hundred wait
			prompt(w, r)
		}
		if err := errors.Join(payConcurrently(t, stub.timeless(iamport.Config{}))...); err != nil {
			t.Error(err)
		}
		wantCount(t, "getToken", stub.getTokens.Load(), 1)
	})
}

func TestF25HundredUnauthorizedAtOnceCauseOneRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refusing := refuseToken("token-1", respondPaid)
		stub := newStub(func(w http.ResponseWriter, r *http.Request) {
			wait(time.Second) // so that all hundred have gone out with the first token
			refusing(w, r)
		})
		if err := errors.Join(payConcurrently(t, stub.timeless(iamport.Config{MaxInFlight: 100}))...); err != nil {
			t.Error(err)
		}
		wantCount(t, "getToken", stub.getTokens.Load(), 2)
	})
}

func TestF25SameTokenGrantedAgainIsStillOneRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub := newStub(func(w http.ResponseWriter, r *http.Request) {
			wait(time.Second)
			respond(401, unauthorized)(w, r)
		})
		stub.grant = respond(200, grant("the-same", 1000, 2800))
		for _, err := range payConcurrently(t, stub.timeless(iamport.Config{MaxInFlight: 100})) {
			wantCode(t, err, apierror.GatewayUnavailable)
		}
		wantCount(t, "getToken", stub.getTokens.Load(), 2)
	})
}

func TestCallerWhoLeavesDoesNotTakeTheTokenAlong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub := newStub(respondPaid)
		prompt := stub.grant
		stub.grant = func(w http.ResponseWriter, r *http.Request) {
			wait(3 * time.Second)
			prompt(w, r)
		}
		client := stub.timeless(iamport.Config{})
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		started := time.Now()
		_, err := client.Payment(hurried, "imp_1")
		wantCode(t, err, apierror.GatewayUnavailable)
		if waited := time.Since(started); waited != time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waited %s for %v", waited, err)
		}
		mustPay(t, client)
		wantCount(t, "getToken", stub.getTokens.Load(), 1)
	})
}

func TestWrongKeyIsNeitherRetriedNorRepeated(t *testing.T) {
	t.Parallel()
	stub := newStub(respondPaid)
	stub.grant = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		message, _ := json.Marshal("rejected: " + string(body))
		respond(401, `{"code":-1,"message":`+string(message)+`,"response":null}`)(w, r)
	}
	_, err := stub.timeless(iamport.Config{Secret: "s3cr3t"}).Payment(t.Context(), "imp_1")
	wantCode(t, err, apierror.GatewayUnavailable)
	wantCount(t, "getToken", stub.getTokens.Load(), 1)
	wantCount(t, "requests", stub.requests.Load(), 0)
	if strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("the secret is in %q", err)
	}
}

func TestF25UnusableGrantIsAnError(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"code":          `{"code":-1,"message":"no","response":null}`,
		"null":          okEnvelope("null"),
		"no token":      grant("", 1000, 2800),
		"already over":  grant("a", 2800, 2800),
		"never over":    grant("a", 0, 1<<40),
		"no expiry":     okEnvelope(`{"access_token":"a"}`),
		"odd expiry":    okEnvelope(`{"access_token":"a","now":1000,"expired_at":"soon"}`),
		"token's shape": okEnvelope(`{"access_token":7,"now":1000,"expired_at":2800}`),
	} {
		stub := newStub(respondPaid)
		stub.grant = respond(200, body)
		_, err := stub.timeless(iamport.Config{}).Payment(t.Context(), "imp_1")
		if apierror.CodeOf(err) != apierror.GatewayUnavailable || stub.requests.Load() != 0 {
			t.Errorf("%s: %v after %d requests", name, err, stub.requests.Load())
		}
	}
}

func TestF26SecretArrivesAsItIs(t *testing.T) {
	t.Parallel()
	const secret = `a&b=c+d%26 "\é한`
	stub := newStub(respondPaid)
	prompt := stub.grant
	stub.grant = func(w http.ResponseWriter, r *http.Request) {
		var sent map[string]string
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil || sent["imp_secret"] != secret || sent["imp_key"] != "key" {
			t.Errorf("got %q, %v", sent, err)
		}
		prompt(w, r)
	}
	mustPay(t, stub.client(t, iamport.Config{Secret: secret}))
}

// falls panics on the way to the network.
type falls struct{}

func (falls) RoundTrip(*http.Request) (*http.Response, error) { panic("fell") }

func TestAPanicWhileATokenIsRenewedEndsNoProcess(t *testing.T) {
	t.Parallel()
	client := newClient("http://iamport.test", iamport.Config{Transport: falls{}})
	for range 2 {
		_, err := client.Payment(t.Context(), "imp_1")
		wantCode(t, err, apierror.GatewayUnavailable)
		if !strings.Contains(err.Error(), "panic: fell") {
			t.Errorf("the panic is not in %v", err)
		}
	}
}
