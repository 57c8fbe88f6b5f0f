package web_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"pointcharge/internal/charge"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/sandbox"
)

// countedHandler marks the requests that countWaiting counts: its name is in their stacks.
type countedHandler struct{ next http.Handler }

func (c countedHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.next.ServeHTTP(w, r) }

// countWaiting returns how many requests wait for a look-up that they share, by their stacks.
func countWaiting() int {
	buffer := make([]byte, 16<<20)
	count := 0
	for stack := range strings.SplitSeq(string(buffer[:runtime.Stack(buffer, true)]), "\n\n") {
		head, frames, _ := strings.Cut(stack, "\n")
		if strings.Contains(head, "[select") && strings.HasPrefix(frames, "pointcharge/internal/web.(*Server).syncPayment(") &&
			strings.Contains(frames, "web_test.countedHandler.ServeHTTP(") {
			count++
		}
	}
	return count
}

// waitUntil lets the other goroutines run until done returns true, and fails after 30 seconds.
func (w *testServer) waitUntil(what string, done func() bool) {
	w.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); runtime.Gosched() {
		if time.Now().After(deadline) {
			w.Fatalf("waited too long until %s", what)
		}
	}
}

// holdLookups makes the gateway delay its answers until release. It sends on arrived for each
// look-up.
func (f *gatewayProxy) holdLookups() (arrived chan struct{}, release func()) {
	arrived, released := make(chan struct{}, 100), make(chan struct{})
	f.answerWith(func(w http.ResponseWriter, r *http.Request) {
		answer := &bodyRecorder{ResponseWriter: w}
		f.Sandbox.ServeHTTP(answer, r) // the state of now, not of the release
		arrived <- struct{}{}
		<-released
		_, _ = w.Write(answer.body)
	})
	return arrived, sync.OnceFunc(func() { close(released) })
}

type bodyRecorder struct {
	http.ResponseWriter
	body []byte
}

func (k *bodyRecorder) Write(p []byte) (int, error) {
	k.body = append(k.body, p...)
	return len(p), nil
}

// TestBurst is one test whose parts run one after the other, because they count the same stacks.
func TestBurst(t *testing.T) { //nolint:tparallel // its parts count goroutines
	t.Parallel()
	t.Run("of one notice asks once", burstOfOneNotice)             //nolint:paralleltest // they count goroutines
	t.Run("outlives the caller who began", burstOutlivesItsCaller) //nolint:paralleltest // they count goroutines
}

func burstOfOneNotice(t *testing.T) {
	w := newTestServerOn(t, databasetest.New(t, databasetest.Postgres))
	merchantUID := w.order("minji")
	body := notice(w.pay(merchantUID), merchantUID, "paid")
	_, release := w.gateway.holdLookups()
	defer release()
	w.url = w.start(countedHandler{w.routes(w.points, "https://shop.example")})
	var senders sync.WaitGroup
	for range 100 {
		senders.Go(func() { w.wantStatus(w.webhook(jsonType, body), http.StatusOK) })
	}
	w.waitUntil("all hundred wait", func() bool { return countWaiting() == 100 })
	release()
	senders.Wait()
	w.wantLookups(1)
	w.wantBalance("minji", 5000)
}

func burstOutlivesItsCaller(t *testing.T) {
	w := newTestServer(t)
	merchantUID := w.order("minji")
	body := notice(w.pay(merchantUID), merchantUID, "paid")
	arrived, release := w.gateway.holdLookups()
	defer release()
	w.url = w.start(countedHandler{w.routes(w.points, "https://shop.example")})
	ctx, hangUp := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	senders.Go(func() {
		request := w.request(http.MethodPost, "/webhooks/iamport", jsonType, body).WithContext(ctx)
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			w.Error("the first was answered, though it hung up")
		}
	})
	<-arrived
	senders.Go(func() { w.wantStatus(w.webhook(jsonType, body), http.StatusOK) })
	w.waitUntil("two wait", func() bool { return countWaiting() == 2 })
	hangUp()
	w.waitUntil("one of them has gone", func() bool { return countWaiting() == 1 })
	release()
	senders.Wait()
	w.wantLookups(1)
	w.wantBalance("minji", 5000)
}

// TestDifferentNoticesAreNotMerged: what the second one reports may be younger than the look-up in
// flight.
func TestDifferentNoticesAreNotMerged(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *testServer) {
		merchantUID := w.order("minji")
		impUID := w.pay(merchantUID, status(sandbox.Ready))
		arrived, release := w.gateway.holdLookups()
		defer release()
		var senders sync.WaitGroup
		defer senders.Wait()
		senders.Go(func() { w.wantStatus(w.webhook(jsonType, notice(impUID, merchantUID, "ready")), http.StatusOK) })
		<-arrived // and is told "ready", but not yet
		w.gateway.answer.Store(nil)
		w.must(w.gateway.Pay(impUID))
		w.wantStatus(w.webhook(jsonType, notice(impUID, merchantUID, "paid")), http.StatusOK)
		w.wantBalance("minji", 5000)
		release()
		senders.Wait()
		w.wantBalance("minji", 5000)
	})
}

// panickingGateway panics on every look-up.
type panickingGateway struct{ charge.Gateway }

func (panickingGateway) Payment(context.Context, string) (charge.Payment, error) { panic("boom") }

func TestAPanicInASharedLookupIsAnError(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID := w.order("minji")
	body := notice(w.pay(merchantUID), merchantUID, "paid")
	working := w.points.Gateway
	w.points.Gateway = panickingGateway{}
	w.wantStatus(w.webhook(jsonType, body), http.StatusServiceUnavailable)
	w.points.Gateway = working
	w.wantStatus(w.webhook(jsonType, body), http.StatusOK)
	w.wantBalance("minji", 5000)
}
