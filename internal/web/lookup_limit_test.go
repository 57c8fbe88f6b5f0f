package web_test

import (
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
	"pointcharge/internal/web"
)

// wantFewLookups fails if the gateway was asked more than burst times since start, and once more
// every ten seconds, or never.
func (w *testServer) wantFewLookups(burst int64, start time.Time) {
	w.Helper()
	if got, most := w.gateway.lookups.Load(), burst+int64(time.Since(start)/(10*time.Second)); got < 1 || got > most {
		w.Errorf("the gateway was asked %d times, want at most %d", got, most)
	}
}

func TestF11ForgedNoticesForOneOrderCauseFewLookups(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID, start := w.order("minji"), time.Now()
	for i := range 200 {
		forged := notice(fmt.Sprintf("imp_%d", i), merchantUID, []string{"paid", "ready", "cancelled"}[i%3])
		w.wantStatus(w.webhook(jsonType, forged), http.StatusServiceUnavailable)
	}
	w.wantFewLookups(10, start)
	other := w.order("junho") // its notices are still accepted
	w.wantStatus(w.webhook(jsonType, notice(w.pay(other), other, "paid")), http.StatusOK)
	w.wantBalance("junho", 5000)
}

func TestF11ConcurrentForgedNoticesCauseFewLookups(t *testing.T) {
	t.Parallel()
	w := newTestServerOn(t, databasetest.New(t, databasetest.Postgres))
	merchantUID, start := w.order("minji"), time.Now()
	var senders sync.WaitGroup
	for i := range 100 {
		senders.Go(func() {
			w.wantStatus(w.webhook(jsonType, notice(fmt.Sprintf("imp_%d", i), merchantUID, "paid")), http.StatusServiceUnavailable)
		})
	}
	senders.Wait()
	w.wantFewLookups(10, start)
}

func TestPaymentReturnsShareTheOrdersLimit(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID, start := w.order("minji"), time.Now()
	for i := range 50 {
		w.followReturn(returnQuery(fmt.Sprintf("imp_%d", i), merchantUID))
	}
	w.wantFewLookups(10, start)
	w.wantReturn(returnQuery("imp_last", merchantUID), "https://shop.example/wallet?impUid=imp_last&merchantUid="+merchantUID+"&status=unavailable")
	w.wantStatus(w.webhook(jsonType, notice("imp_webhook", merchantUID, "paid")), http.StatusServiceUnavailable)
	w.wantFewLookups(10, start)
}

func TestACancellationIsSyncedDuringAFlood(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *testServer) {
		merchantUID := w.order("minji")
		impUID := w.pay(merchantUID)
		w.wantStatus(w.webhook(jsonType, notice(impUID, merchantUID, "paid")), http.StatusOK)
		for i := range 50 {
			w.webhook(jsonType, notice(fmt.Sprintf("imp_%d", i), merchantUID, "paid"))
		}
		w.pay(merchantUID, func(p *sandbox.Payment) { p.ImpUID, p.Status, p.CancelAmount = impUID, sandbox.Cancelled, "5000" })
		w.wantStatus(w.webhook(jsonType, notice(impUID, merchantUID, "cancelled")), http.StatusOK)
		w.wantBalance("minji", 0)
	})
}

// TestACreditedPaymentIsNoWayAroundTheLimit: the payer knows its imp_uid.
func TestACreditedPaymentIsNoWayAroundTheLimit(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	merchantUID, start := w.order("minji"), time.Now()
	impUID := w.pay(merchantUID)
	for i := range 100 {
		w.webhook(jsonType, notice(impUID, merchantUID, fmt.Sprintf("paid%d", i)))
	}
	w.wantFewLookups(20, start)
	w.wantBalance("minji", 5000)
}

// countConcurrentLookups returns the highest number of look-ups that were under way at a time. It
// delays each look-up until enough of them have begun and the other goroutines have had time to
// run.
func (f *gatewayProxy) countConcurrentLookups(enough int64) (most *atomic.Int64) {
	most = new(atomic.Int64)
	var now, begun atomic.Int64
	f.answerWith(func(w http.ResponseWriter, r *http.Request) {
		defer now.Add(-1)
		for n, before := now.Add(1), most.Load(); n > before && !most.CompareAndSwap(before, n); {
			before = most.Load()
		}
		begun.Add(1)
		for waited := 0; waited < 1000 || begun.Load() < enough; waited++ {
			runtime.Gosched()
		}
		f.Sandbox.ServeHTTP(w, r)
	})
	return most
}

func TestMaxLookupsRunAtATimeAndAllAreMade(t *testing.T) {
	t.Parallel()
	w := newTestServerOn(t, databasetest.New(t, databasetest.Postgres))
	var bodies []string
	for i := range 30 {
		merchantUID := w.order(fmt.Sprint("user", i))
		bodies = append(bodies, notice(w.pay(merchantUID), merchantUID, "paid"))
	}
	most := w.gateway.countConcurrentLookups(3)
	w.url = w.start(w.routes(w.points, "https://shop.example", func(c *web.Config) { c.MaxLookups = 3 }))
	var senders sync.WaitGroup
	for _, body := range bodies {
		senders.Go(func() { w.wantStatus(w.webhook(jsonType, body), http.StatusOK) })
	}
	senders.Wait()
	if most.Load() != 3 {
		t.Errorf("%d look-ups were under way at a time, want 3", most.Load())
	}
	w.wantLookups(30)
}

func TestNoticesDoNotKeepMutationsFromTheGateway(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	mine := w.pay(w.order("junho"))
	var bodies []string
	for _, user := range []string{"minji", "seoyeon"} {
		merchantUID := w.order(user)
		bodies = append(bodies, notice(w.pay(merchantUID), merchantUID, "paid"))
	}
	arrived, release := w.gateway.holdLookups()
	w.url = w.start(w.routes(w.points, "https://shop.example", func(c *web.Config) { c.MaxLookups = 1 }))
	var senders sync.WaitGroup
	defer senders.Wait()
	defer release()
	for _, body := range bodies {
		senders.Go(func() { w.wantStatus(w.webhook(jsonType, body), http.StatusOK) })
	}
	<-arrived // the only look-up that notices may have is under way
	w.gateway.answer.Store(nil)
	if _, err := w.points.Charge(t.Context(), "junho", mine); err != nil {
		t.Errorf("a mutation had to wait for notices: %v", err)
	}
	w.wantLookups(2)
}

func TestF14ADatabaseThatHangsIsAnsweredInTime(t *testing.T) {
	t.Parallel()
	proxy := databasetest.NewProxy(t, databasetest.URL(t, databasetest.Postgres))
	w := newTestServerOn(t, databasetest.Open(t, proxy.URL))
	merchantUID := w.order("minji")
	body := notice(w.pay(merchantUID), merchantUID, "paid")
	held := proxy.HoldAnswer() // of the credit's COMMIT
	working := w.url
	w.url = w.start(w.routes(w.points, "https://shop.example", func(c *web.Config) { c.Timeout = 500 * time.Millisecond }))
	w.wantStatus(w.webhook(jsonType, body), http.StatusServiceUnavailable)
	<-held.Reached
	held.Release()
	w.url = working
	w.wantStatus(w.webhook(jsonType, body), http.StatusOK)
	w.wantBalance("minji", 5000)
}

func TestF14ADatabaseWithoutAFreeConnectionIsAnsweredInTime(t *testing.T) {
	t.Parallel()
	address := databasetest.URL(t, databasetest.Postgres)
	w := newTestServerOn(t, databasetest.Open(t, address))
	merchantUID := w.order("minji")
	body := notice(w.pay(merchantUID), merchantUID, "paid")
	db := databasetest.Open(t, address)
	pool, err := db.DB()
	w.must(err)
	pool.SetMaxOpenConns(1)
	taken, err := pool.Conn(t.Context())
	w.must(err)
	stuck := domaintest.NewServices(db, w.points.Gateway)
	w.url = w.start(w.routes(stuck, "https://shop.example", func(c *web.Config) { c.Timeout = 100 * time.Millisecond }))
	w.wantStatus(w.webhook(jsonType, body), http.StatusServiceUnavailable)
	w.wantReturn(returnQuery("imp_1", merchantUID), "https://shop.example?impUid=imp_1&merchantUid="+merchantUID+"&status=unavailable")
	w.wantLookups(0)
	w.must(taken.Close())
	w.url = w.start(w.routes(stuck, "https://shop.example", func(*web.Config) {})) // a busy machine may take longer than 100 ms
	w.wantStatus(w.webhook(jsonType, body), http.StatusOK)
}
