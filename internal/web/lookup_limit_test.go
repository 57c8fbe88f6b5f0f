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
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
	"pointcharge/internal/web"
)

// wantFewLookUps fails unless the gateway was asked burst times at most since start, and once more every ten seconds.
func (w *world) wantFewLookUps(burst int64, start time.Time) {
	w.Helper()
	if got, most := w.front.lookUps.Load(), burst+int64(time.Since(start)/(10*time.Second)); got < 1 || got > most {
		w.Errorf("the gateway was asked %d times, want at most %d", got, most)
	}
}

func TestF11AFloodOfForgedNoticesForOneOrderAsksLittle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	merchantUID, start := w.order("minji"), time.Now()
	for i := range 200 {
		forged := notice(fmt.Sprintf("imp_%d", i), merchantUID, []string{"paid", "ready", "cancelled"}[i%3])
		w.wantStatus(w.webhook(jsonType, forged), http.StatusServiceUnavailable)
	}
	w.wantFewLookUps(10, start)
	other := w.order("junho") // whose notices are heard all the same
	w.wantStatus(w.webhook(jsonType, notice(w.pay(other), other, "paid")), http.StatusOK)
	w.wantBalance("junho", 5000)
}

func TestF11AFloodAtOnceAsksLittle(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, databasetest.New(t, databasetest.Postgres))
	merchantUID, start := w.order("minji"), time.Now()
	var senders sync.WaitGroup
	for i := range 100 {
		senders.Go(func() {
			w.wantStatus(w.webhook(jsonType, notice(fmt.Sprintf("imp_%d", i), merchantUID, "paid")), http.StatusServiceUnavailable)
		})
	}
	senders.Wait()
	w.wantFewLookUps(10, start)
}

func TestTheLandingSharesTheOrdersBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	merchantUID, start := w.order("minji"), time.Now()
	for i := range 50 {
		w.land(ids(fmt.Sprintf("imp_%d", i), merchantUID))
	}
	w.wantFewLookUps(10, start)
	w.wantLanding(ids("imp_last", merchantUID), "https://shop.example/wallet?merchantUid="+merchantUID+"&status=unavailable")
	w.wantStatus(w.webhook(jsonType, notice("imp_webhook", merchantUID, "paid")), http.StatusServiceUnavailable)
	w.wantFewLookUps(10, start)
}

func TestACancellationIsHeardThroughAFlood(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
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

// TestACreditedPaymentIsNoWayAroundTheBound: the payer knows its imp_uid.
func TestACreditedPaymentIsNoWayAroundTheBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	merchantUID, start := w.order("minji"), time.Now()
	impUID := w.pay(merchantUID)
	for i := range 100 {
		w.webhook(jsonType, notice(impUID, merchantUID, fmt.Sprintf("paid%d", i)))
	}
	w.wantFewLookUps(20, start)
	w.wantBalance("minji", 5000)
}

// crowded counts how many look-ups are under way, and holds them for as long as anybody else wants to run.
func (f *front) crowded(enough int64) (most *atomic.Int64) {
	most = new(atomic.Int64)
	var now, begun atomic.Int64
	f.say(func(w http.ResponseWriter, r *http.Request) {
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

func TestLookUpsForNoticesAreFewAtATimeAndAllAreMade(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, databasetest.New(t, databasetest.Postgres))
	var bodies []string
	for i := range 30 {
		merchantUID := w.order(fmt.Sprint("user", i))
		bodies = append(bodies, notice(w.pay(merchantUID), merchantUID, "paid"))
	}
	most := w.front.crowded(3)
	w.url = w.start(w.routes(w.points, "https://shop.example", func(s *web.Server) { s.LookUps = 3 }))
	var senders sync.WaitGroup
	for _, body := range bodies {
		senders.Go(func() { w.wantStatus(w.webhook(jsonType, body), http.StatusOK) })
	}
	senders.Wait()
	if most.Load() != 3 {
		t.Errorf("%d look-ups were under way at a time, want 3", most.Load())
	}
	w.wantLookUps(30)
}

func TestNoticesDoNotKeepMutationsFromTheGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine := w.pay(w.order("junho"))
	var bodies []string
	for _, user := range []string{"minji", "seoyeon"} {
		merchantUID := w.order(user)
		bodies = append(bodies, notice(w.pay(merchantUID), merchantUID, "paid"))
	}
	arrived, release := w.front.hold()
	w.url = w.start(w.routes(w.points, "https://shop.example", func(s *web.Server) { s.LookUps = 1 }))
	var senders sync.WaitGroup
	defer senders.Wait()
	defer release()
	for _, body := range bodies {
		senders.Go(func() { w.wantStatus(w.webhook(jsonType, body), http.StatusOK) })
	}
	<-arrived // the only place for notices is taken
	w.front.answer.Store(nil)
	if _, err := w.points.Charge(t.Context(), "junho", mine); err != nil {
		t.Errorf("a mutation had to wait for notices: %v", err)
	}
	w.wantLookUps(2)
}

func TestF14ADatabaseThatHangsIsAnsweredInTime(t *testing.T) {
	t.Parallel()
	proxy := databasetest.NewProxy(t, databasetest.URL(t, databasetest.Postgres))
	w := newWorldOn(t, databasetest.Open(t, proxy.URL))
	merchantUID := w.order("minji")
	body := notice(w.pay(merchantUID), merchantUID, "paid")
	held := proxy.HoldAnswer() // of the credit's COMMIT
	working := w.url
	w.url = w.start(w.routes(w.points, "https://shop.example", func(s *web.Server) { s.Patience = 500 * time.Millisecond }))
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
	w := newWorldOn(t, databasetest.Open(t, address))
	merchantUID := w.order("minji")
	body := notice(w.pay(merchantUID), merchantUID, "paid")
	db := databasetest.Open(t, address)
	pool, err := db.DB()
	w.must(err)
	pool.SetMaxOpenConns(1)
	taken, err := pool.Conn(t.Context())
	w.must(err)
	stuck := &point.Service{DB: db, Gateway: w.points.Gateway}
	w.url = w.start(w.routes(stuck, "https://shop.example", func(s *web.Server) { s.Patience = 100 * time.Millisecond }))
	w.wantStatus(w.webhook(jsonType, body), http.StatusServiceUnavailable)
	w.wantLanding(ids("imp_1", merchantUID), "https://shop.example?merchantUid="+merchantUID+"&status=unavailable")
	w.wantLookUps(0)
	w.must(taken.Close())
	w.url = w.start(w.routes(stuck, "https://shop.example", func(*web.Server) {})) // a busy machine may take longer than that
	w.wantStatus(w.webhook(jsonType, body), http.StatusOK)
}

func TestPatienceEndsBeforeIamports(t *testing.T) {
	t.Parallel()
	s := new(web.Server)
	s.Register(http.NewServeMux())
	if s.Patience <= 0 || s.Patience >= 30*time.Second {
		t.Errorf("patience is %s", s.Patience)
	}
}
