package charge_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
)

// TestIssuesRevocationsAndDepositsAtTheSameTime lets everybody at an order at once. Whoever wins,
// money that came is credited once, an order waits exactly while it has an account to show, and
// no more accounts are made than revocations asked for.
func TestIssuesRevocationsAndDepositsAtTheSameTime(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	each(t, func(w *world) {
		random := rand.New(rand.NewPCG(seed, 0))
		for range 6 {
			order := w.OpenAccountOrder()
			impUID := w.IssueAccount(order)
			acts := []func(){
				func() { w.issueInRace(order) }, func() { w.issueInRace(order) }, func() { w.revokeInRace(order) },
				func() { _ = w.Sandbox.Deposit(impUID, "5000") }, func() { w.SyncInRace(impUID) }, func() { w.sweepInRace(order) },
			}
			random.Shuffle(len(acts), func(i, j int) { acts[i], acts[j] = acts[j], acts[i] })
			before, err := w.Wallet(w.Context(), "minji")
			w.Must(err)
			start := make(chan struct{})
			var all sync.WaitGroup
			for _, act := range acts {
				all.Go(func() { <-start; act() })
			}
			close(start)
			all.Wait()
			w.sweepInRace(order)
			w.wantRaceEnded(order, impUID, before.Balance)
		}
	})
}

func (w *world) issueInRace(o charge.Order) {
	_, err := w.IssueVirtualAccount(w.Context(), o.UserID, domaintest.AccountFor(o))
	switch apierror.CodeOf(err) {
	case "", apierror.GatewayUnavailable, apierror.PaymentAlreadyCharged:
	default:
		w.Errorf("issue: %v", err)
	}
}

func (w *world) revokeInRace(o charge.Order) {
	if _, err := w.RevokeVirtualAccount(w.Context(), point.Actor{Kind: point.ActorUser, ID: o.UserID}, o.MerchantUID); err != nil {
		w.Errorf("revoke: %v", err)
	}
}

func (w *world) wantRaceEnded(o charge.Order, first string, before int64) {
	w.Helper()
	now, err := w.Order(w.Context(), o.UserID, o.MerchantUID)
	w.Must(err)
	paid, _ := w.Sandbox.Payment(first)
	if (paid.PaidAt != 0) != (now.Status == charge.OrderPaid) {
		w.Fatalf("the gateway says %s, the order is %s", paid.Status, now.Status)
	}
	if now.Status == charge.OrderPaid {
		before += domaintest.Full
	}
	w.WantBalance("minji", before)
	_, err = w.OrderAccount(w.Context(), now)
	if shown := err == nil; now.Status != charge.OrderPaid && shown != (now.Status == charge.OrderWaitingDeposit) {
		w.Fatalf("the order is %s, its account: %v", now.Status, err)
	}
	if n := w.Count("payments", "merchant_uid = ?", o.MerchantUID); n > 2 {
		w.Fatalf("%d accounts were made", n)
	}
}
