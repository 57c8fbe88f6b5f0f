package reconcile_test

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pointcharge/internal/charge"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/iamport"
	"pointcharge/internal/sandbox"
)

// The size of TestForeignPaymentsChangeNothingForOurs; a million is what the run is made for, and
// takes minutes.
var foreignPayments = flag.Int("foreign", 30_000, "payments of other shops on the gateway account")

// TestForeignPaymentsChangeNothingForOurs measures what they cost.
func TestForeignPaymentsChangeNothingForOurs(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t, databasetest.SQLite)
	gateway := sandbox.New(sandbox.Config{MaxPayments: *foreignPayments + 10})
	t.Cleanup(gateway.Close)
	w := newWorldBehind(t, db, "sandbox", gateway, gateway)
	clock := w.StartToday()
	period := 80 * domaintest.Day
	for i := range *foreignPayments {
		at := clock.Now().Unix() - int64(period.Seconds())*int64(i+1)/int64(*foreignPayments)
		gateway.Put(sandbox.Payment{MerchantUID: fmt.Sprint("goods-", i), Amount: "5000", Sandbox: true, StartedAt: at, PaidAt: at})
	}
	lost := w.Pay(w.OpenOrder("minji"), paidAt(clock.Now().Add(-40*domaintest.Day)))
	for _, status := range []charge.PaymentStatus{charge.Paid, charge.Cancelled} { // the sandbox makes its indexes now
		_, err := w.Gateway.PaymentList(w.Context(), charge.Listing{Status: status, From: clock.Now(), To: clock.Now(), Page: 1})
		w.Must(err)
	}
	before, peak := heapInUse(), atomic.Uint64{}
	watching := make(chan struct{})
	watched := make(chan struct{})
	go watchHeap(&peak, watching, watched)
	began := time.Now()
	run := w.runs()
	took := time.Since(began)
	close(watching)
	<-watched
	w.Logf("%d foreign payments: %s, %d list requests, %d look-ups, heap %d MB more at its peak, the sandbox's included",
		*foreignPayments, took.Round(time.Millisecond), w.Sandbox.Requests()["GET /payments/status/{status}"], w.lookups(), (int64(peak.Load())-int64(before))>>20)
	w.wantDiscrepancies(run, "MISSING_HERE "+lost+" repaired")
	if run.Foreign != int64(*foreignPayments) || run.Listed != run.Foreign+1 || run.Compared != 1 || w.lookups() != 1 {
		w.Errorf("unexpected run %+v, %d look-ups", run, w.lookups())
	}
	w.WantBalance("minji", domaintest.Full)
	if n := w.Count("payments", "1 = 1") + w.Count("discrepancies", "1 = 1"); n != 2 {
		w.Errorf("%d rows were written, want one of each", n)
	}
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// watchHeap keeps the largest heap after a collection until it is told to stop.
func watchHeap(peak *atomic.Uint64, stop <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			peak.Store(max(peak.Load(), heapInUse()))
		}
	}
}

// TestS4LargePaymentsStopNobody has payments with megabytes of custom_data, more than fits into one
// answer, on one page with another user's payment. All are credited, and a cancellation at the
// console and a refund are followed.
func TestS4LargePaymentsStopNobody(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		large := func(p *sandbox.Payment) { p.CustomData = sandbox.Text(`"` + strings.Repeat("x", 16<<20) + `"`) }
		var all []string
		for range 5 {
			all = append(all, w.Pay(w.OpenOrder("minji"), large))
		}
		w.Pay(w.OpenOrder("junho"))
		run := w.reconcile()
		if run.Repaired != 6 || run.Discrepancies != 0 {
			w.Errorf("unexpected run %+v", run)
		}
		w.WantBalance("junho", domaintest.Full)
		w.WantBalance("minji", 5*domaintest.Full)
		w.Must(w.Sandbox.Cancel(all[0], ""))
		w.reconcile()
		w.WantBalance("minji", 4*domaintest.Full)
		var lineID string
		w.Must(w.DB.Raw("SELECT id FROM point_transactions WHERE imp_uid = ? AND kind = 'CHARGE'", all[1]).Scan(&lineID).Error)
		refund, err := w.Refund(w.Context(), charge.RefundInput{TransactionID: lineID, Amount: 5000, Reference: "r-1", Reason: "변심", Actor: domaintest.Sora()})
		w.Must(err)
		if refund.Status != charge.RefundDone {
			w.Errorf("unexpected refund %+v", refund)
		}
		w.WantBalance("minji", 3*domaintest.Full)
		var raw int64
		w.Must(w.DB.Raw("SELECT MAX(LENGTH(raw)) FROM payments").Scan(&raw).Error)
		if raw > 64<<10 {
			w.Errorf("%d bytes are kept of a payment", raw)
		}
	})
}

// TestD17KeysAreCheckedOnce, and the account's name depends on imp_key alone.
func TestD17KeysAreCheckedOnce(t *testing.T) {
	t.Parallel()
	gateway := sandbox.New(sandbox.Config{Key: "key", Secret: "secret"})
	t.Cleanup(gateway.Close)
	server := httptest.NewServer(gateway)
	t.Cleanup(server.Close)
	client := func(key, secret string) *iamport.Client {
		return iamport.New(iamport.Config{URL: server.URL, Key: key, Secret: secret})
	}
	if err := client("key", "secret").CheckKeys(t.Context()); err != nil {
		t.Error(err)
	}
	if err := client("key", "wrong").CheckKeys(t.Context()); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong secret: %v", err)
	}
	account := client("key", "secret").Account()
	if account != client("key", "another").Account() || account == client("other", "secret").Account() || strings.Contains(account, "key") {
		t.Errorf("unexpected account %s", account)
	}
}
