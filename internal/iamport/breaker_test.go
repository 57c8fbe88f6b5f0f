package iamport_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/iamport"
)

// switchable is a gateway that can be broken and mended.
func switchable() (stub *stub, broken *atomic.Bool) {
	broken = new(atomic.Bool)
	stub = newStub(func(w http.ResponseWriter, r *http.Request) {
		if broken.Load() {
			respond(502, "<html>")(w, r)
			return
		}
		respondPaid(w, r)
	})
	return stub, broken
}

// openBreaker asks until nothing reaches the gateway any more.
func openBreaker(t *testing.T, stub *stub, client *iamport.Client) {
	t.Helper()
	for range 100 {
		before := stub.requests.Load()
		_, err := client.Payment(t.Context(), "imp_1")
		wantCode(t, err, apierror.GatewayUnavailable)
		if stub.requests.Load() == before {
			return
		}
	}
	t.Fatal("the breaker never opened")
}

func TestBreakerLeavesABrokenGatewayAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub, broken := switchable()
		client := stub.timeless(iamport.Config{})
		broken.Store(true)
		openBreaker(t, stub, client)
		wantCount(t, "requests before it opened", stub.requests.Load(), 10)
	})
}

func TestBreakerClosesWhenTheGatewayIsWellAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub, broken := switchable()
		client := stub.timeless(iamport.Config{})
		broken.Store(true)
		openBreaker(t, stub, client)
		broken.Store(false)
		wait(6 * time.Second)
		for range 20 {
			mustPay(t, client)
		}
	})
}

func TestBreakerOpensAgainAfterAFailedTrial(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub, broken := switchable()
		client := stub.timeless(iamport.Config{})
		broken.Store(true)
		openBreaker(t, stub, client)
		before := stub.requests.Load()
		wait(6 * time.Second)
		openBreaker(t, stub, client)
		wantCount(t, "trials", stub.requests.Load()-before, 1)
	})
}

func TestBreakerStaysClosedForUnknownPayments(t *testing.T) {
	t.Parallel()
	stub := newStub(respond(404, `{"code":-1,"message":"없음","response":null}`))
	client := stub.timeless(iamport.Config{})
	for range 50 {
		_, err := client.Payment(t.Context(), "imp_1")
		wantCode(t, err, apierror.PaymentNotFound)
	}
	wantCount(t, "requests", stub.requests.Load(), 50)
}

func TestBreakerStaysClosedForCallersWhoLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub := newStub(waitForCaller)
		client := stub.timeless(iamport.Config{})
		for range 50 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := client.Payment(ctx, "imp_1")
			wantCode(t, err, apierror.GatewayUnavailable)
			cancel()
		}
		wantCount(t, "requests", stub.requests.Load(), 50)
	})
}

func TestBreakerIsNotClosedByCallersWhoLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub := newStub(waitForCaller)
		client := stub.timeless(iamport.Config{AttemptTimeout: 2 * time.Second})
		openBreaker(t, stub, client)
		wait(6 * time.Second)
		before := stub.requests.Load()
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			client.Payment(ctx, "imp_1")
			cancel()
		}
		openBreaker(t, stub, client)
		wantCount(t, "requests of five who left and one trial", stub.requests.Load()-before, 6)
	})
}

// unreachable fails like a dial with a time-out. Such an error matches context.DeadlineExceeded.
type unreachable struct{ dials atomic.Int64 }

func (u *unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	u.dials.Add(1)
	return nil, fmt.Errorf("dial tcp: i/o timeout: %w", context.DeadlineExceeded)
}

func TestBreakerOpensForAGatewayThatCannotBeReached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone := new(unreachable)
		client := newClient("http://iamport.test", iamport.Config{Transport: gone})
		for range 10 {
			_, err := client.Payment(t.Context(), "imp_1")
			wantCode(t, err, apierror.GatewayUnavailable)
		}
		wantCount(t, "dials", gone.dials.Load(), 10)
	})
}

func TestBreakerOpensForAGatewayThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub := newStub(waitForCaller)
		client := stub.timeless(iamport.Config{AttemptTimeout: time.Second})
		openBreaker(t, stub, client)
		wantCount(t, "requests before it opened", stub.requests.Load(), 10)
	})
}

func TestNoMoreCallsAreInFlightThanAllowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		stub := newStub(func(w http.ResponseWriter, r *http.Request) {
			most.Store(max(most.Load(), now.Add(1)))
			wait(time.Second)
			now.Add(-1)
			respondPaid(w, r)
		})
		client := stub.timeless(iamport.Config{MaxInFlight: 2})
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { mustPay(t, client) })
		}
		all.Wait()
		wantCount(t, "calls in flight", most.Load(), 2)
	})
}

func TestWaitingForATurnEndsWithTheCallersContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub := newStub(waitForCaller)
		client := stub.timeless(iamport.Config{MaxInFlight: 1})
		go client.Payment(t.Context(), "imp_1")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		started := time.Now()
		_, err := client.Payment(ctx, "imp_1")
		wantCode(t, err, apierror.GatewayUnavailable)
		if waited := time.Since(started); waited != time.Second {
			t.Errorf("waited %s", waited)
		}
		wantCount(t, "requests", stub.requests.Load(), 1)
	})
}
