package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"
	"gorm.io/gorm"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/ratelimit"
	"pointcharge/internal/web"
)

// logRecorder keeps what was logged.
type logRecorder struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logRecorder) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

// count empties the recorder. It returns how many lines were logged, and how many others these
// lines say were left out.
func (l *logRecorder) count(t *testing.T) (written, leftOut int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for decoder := json.NewDecoder(&l.text); decoder.More(); written++ {
		var line struct {
			LeftOut int `json:"left_out"`
		}
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		leftOut += line.LeftOut
	}
	return written, leftOut
}

func TestOutsidersCannotFillTheLog(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	var logged logRecorder
	w.url = w.start(w.routes(w.points, "https://shop.example", func(c *web.Config) { c.Log = slog.New(slog.NewJSONHandler(&logged, nil)) }))
	const perKind = 60
	begun := time.Now()
	for i := range perKind {
		w.wantStatus(w.webhook(jsonType, "{}"), http.StatusBadRequest)
		w.wantStatus(w.webhook(jsonType, notice(fmt.Sprint("imp_", i), "unknown", "paid")), http.StatusOK)
		w.wantStatus(w.webhook(jsonType, `{"event": "Inicis.Escrow.Changed"}`), http.StatusOK)
	}
	most := 21 + int(5*time.Since(begun).Seconds())
	written, leftOut := logged.count(t)
	if written < 20 || written > most || written+leftOut > 3*perKind {
		t.Errorf("%d lines that say %d were left out, want %d lines at most", written, leftOut, most)
	}
	sent := 3 * perKind
	for deadline := time.Now().Add(20 * time.Second); written+leftOut < sent; sent++ { // until one is written
		if time.Now().After(deadline) {
			t.Fatalf("of %d, %d were written and %d are said to be left out", sent, written, leftOut)
		}
		w.webhook(jsonType, "{}")
		more, others := logged.count(t)
		written, leftOut = written+more, leftOut+others
	}
	if written+leftOut != sent {
		t.Errorf("of %d, %d were written and %d are said to be left out", sent, written, leftOut)
	}
}

// TestAFloodLeavesTheDatabaseToOthers: notices that only ask whether an order is ours get few
// database connections.
func TestAFloodLeavesTheDatabaseToOthers(t *testing.T) {
	t.Parallel()
	w := newTestServerOn(t, databasetest.New(t, databasetest.Postgres))
	var now, most, all atomic.Int64
	w.must(w.points.DB.Callback().Query().Before("gorm:query").Register("hold", func(tx *gorm.DB) {
		if tx.Statement.Table != "charge_orders" {
			return
		}
		defer now.Add(-1)
		for n, before := now.Add(1), most.Load(); n > before && !most.CompareAndSwap(before, n); {
			before = most.Load()
		}
		all.Add(1)
		for range 10_000 { // lets the other goroutines run
			runtime.Gosched()
		}
	}))
	var senders sync.WaitGroup
	for i := range 40 {
		senders.Go(func() { w.webhook(jsonType, notice(fmt.Sprint("imp_", i), fmt.Sprint("unknown", i), "paid")) })
	}
	senders.Wait()
	if all.Load() != 40 || most.Load() > 4 {
		t.Errorf("%d reads, %d at once", all.Load(), most.Load())
	}
}

// TestPayersDoNotQueueBehindAFlood: a payment return is answered while webhooks wait for the
// database.
func TestPayersDoNotQueueBehindAFlood(t *testing.T) {
	t.Parallel()
	w := newTestServerOn(t, databasetest.New(t, databasetest.Postgres))
	merchantUID := w.order("minji")
	impUID := w.pay(merchantUID)
	resume, hanging := make(chan struct{}), make(chan struct{}, 20)
	w.must(w.points.DB.Callback().Query().Before("gorm:query").Register("hang", func(tx *gorm.DB) {
		if text := fmt.Sprint(tx.Statement.Clauses["WHERE"].Expression); strings.Contains(text, "unknown") {
			hanging <- struct{}{}
			<-resume
		}
	}))
	var senders sync.WaitGroup
	for i := range 20 {
		senders.Go(func() { w.webhook(jsonType, notice(fmt.Sprint("imp_", i), fmt.Sprint("unknown", i), "paid")) })
	}
	for range 4 {
		<-hanging
	}
	w.wantReturn(returnQuery(impUID, merchantUID), "https://shop.example/wallet?merchantUid="+merchantUID+"&status=paid")
	close(resume)
	senders.Wait()
}

// startWithTightLimit starts routes that an address may call three times an hour.
func (w *testServer) startWithTightLimit(configure ...func(*web.Config)) {
	w.Helper()
	rare := ratelimit.Rate{Limit: rate.Every(time.Hour), Burst: 3}
	limit := func(c *web.Config) { c.Limit = ratelimit.NewLimit(rare, rare) }
	w.url = w.start(trustLoopback().Identify(w.routes(w.points, "https://shop.example", append(configure, limit)...)))
}

func TestAnAddressThatCallsTooOftenIsToldToWait(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	w.startWithTightLimit()
	merchantUID := w.order("minji")
	const stranger, iamport = "203.0.113.5", "52.78.100.19"
	for range 3 {
		w.wantStatus(w.webhookFrom(notice("imp_1", "unknown", "paid"), stranger), http.StatusOK)
	}
	ready := w.request(http.MethodGet, "/readyz", "", "")
	ready.Header.Set("X-Forwarded-For", stranger)
	for _, a := range []answer{w.webhookFrom(notice("imp_1", "unknown", "paid"), stranger), w.do(ready)} {
		if wait, err := strconv.Atoi(a.header.Get("Retry-After")); a.status != http.StatusServiceUnavailable || err != nil || wait < 3000 || wait > 3600 {
			t.Errorf("%d, Retry-After %d, %v", a.status, wait, err)
		}
	}
	payerReturn := w.request(http.MethodGet, "/payments/return?merchant_uid=unknown&imp_uid=imp_1", "", "")
	payerReturn.Header.Set("X-Forwarded-For", stranger)
	if a := w.do(payerReturn); a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Location"), "status=unavailable") {
		t.Errorf("%d to %s", a.status, a.header.Get("Location"))
	}
	w.wantStatus(w.webhookFrom(notice(w.pay(merchantUID), merchantUID, "paid"), iamport), http.StatusOK)
	w.wantBalance("minji", 5000)
}

func TestAllowedSendersAreNotRateLimited(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	w.startWithTightLimit(func(c *web.Config) { c.WebhookSenders = []netip.Prefix{netip.MustParsePrefix("52.78.100.19/32")} })
	for range 10 {
		w.wantStatus(w.webhookFrom(notice("imp_1", "unknown", "paid"), "52.78.100.19"), http.StatusOK)
	}
}
