package point_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// sweep looks at what is due, which must be so many orders.
func (w *world) sweep(due int) {
	w.Helper()
	n, err := w.Sweep(w.Context(), 100)
	w.must(err)
	if n != due {
		w.Fatalf("%d orders were due, want %d", n, due)
	}
}

func (w *world) orderLookups() int {
	return w.gateway.Requests()["GET /payments/findAll/{merchant_uid}"]
}

func TestF31ASweepCreditsWhatNobodyToldUsOf(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		w.pay(w.order("minji"))
		w.sweep(0) // the browser and the webhook come first
		clock.pass(2 * time.Minute)
		w.sweep(1)
		w.wantBalance("minji", full)
		clock.pass(day)
		w.sweep(0)
	})
}

func TestF28ASweepCreditsThePaidAttemptNotTheNewest(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		order := w.order("minji")
		w.pay(order, status(sandbox.Failed))
		w.pay(order)
		w.pay(order, status(sandbox.Failed))
		clock.pass(time.Hour)
		w.sweep(1)
		w.wantBalance("minji", full)
	})
}

// TestAnOrderNobodyPaysIsLookedAtLessAndLess: most abandoned orders stay abandoned.
func TestAnOrderNobodyPaysIsLookedAtLessAndLess(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		w.order("minji")
		for range 30 * 24 * 60 / 10 {
			clock.pass(10 * time.Minute)
			_, err := w.Sweep(w.Context(), 100)
			w.must(err)
		}
		if n := w.orderLookups(); n < 8 || n > 16 {
			w.Fatalf("an abandoned order was looked up %d times in a month", n)
		}
		if n := w.count("charge_orders", "check_at IS NOT NULL"); n != 0 {
			w.Fatal("it is looked at for ever")
		}
	})
}

func TestAnAwaitedDepositIsLookedForEveryHour(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		order := w.order("minji")
		impUID := w.pay(order, status(sandbox.Ready), func(p *sandbox.Payment) {
			p.PayMethod, p.VbankNum, p.VbankDate = "vbank", "110", clock.now().Add(7*day).Unix()
		})
		w.sync(impUID)
		for range 5 * 24 {
			clock.pass(time.Hour)
			_, err := w.Sweep(w.Context(), 100)
			w.must(err)
		}
		w.edit(impUID, status(sandbox.Paid))
		clock.pass(time.Hour)
		w.sweep(1)
		w.wantBalance("minji", full)
	})
}

func TestASweepIsFairAndBounded(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		first := w.order("minji")
		clock.pass(time.Second)
		for range 4 {
			w.order("junho")
		}
		clock.pass(time.Hour)
		n, err := w.Sweep(w.Context(), 1)
		w.must(err)
		if n != 1 || w.orderLookups() != 1 || w.count("charge_orders", "merchant_uid = ? AND check_at > ?", first.MerchantUID, clock.now()) != 1 {
			w.Fatalf("%d orders, %d look-ups: the longest due is not the one that was looked at", n, w.orderLookups())
		}
		w.sweep(4)
		w.sweep(0)
	})
}

// TestManySweepsLookAtAnOrderOnce: an order belongs to the server that moved its time on.
func TestManySweepsLookAtAnOrderOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		const orders = 20
		for range orders {
			w.pay(w.order("minji"))
		}
		clock.pass(time.Hour)
		var servers sync.WaitGroup
		for range 4 {
			servers.Go(func() {
				if _, err := w.Sweep(w.Context(), 100); err != nil {
					w.Error(err)
				}
			})
		}
		servers.Wait()
		if n := w.orderLookups(); n != orders {
			w.Errorf("%d orders were looked up %d times", orders, n)
		}
		w.wantBalance("minji", orders*full)
	})
}

// TestADeadSweepersOrderIsDueAgain: it had moved the order's time on, and asked nobody.
func TestADeadSweepersOrderIsDueAgain(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		w.pay(w.order("minji"))
		clock.pass(4 * time.Minute)
		f.say(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		if _, err := w.Sweep(w.Context(), 100); err == nil {
			w.Fatal("the sweep says that all is well")
		}
		f.say(f.gateway.ServeHTTP)
		w.sweep(0)
		clock.pass(time.Minute)
		w.sweep(1)
		w.wantBalance("minji", full)
	})
}

// TestAPoisonedOrderKeepsNobodyWaiting: one order's answers cannot be read, ever.
func TestAPoisonedOrderKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		poisoned := w.order("junho")
		w.pay(w.order("minji"))
		var asked atomic.Int64
		f.say(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/payments/findAll/"+poisoned.MerchantUID {
				asked.Add(1)
				_, _ = rw.Write([]byte(`{"code":0,"response":{"list":"nonsense"}}`))
				return
			}
			f.gateway.ServeHTTP(rw, r)
		})
		for range 24 * 60 {
			clock.pass(time.Minute)
			_, _ = w.Sweep(w.Context(), 100)
		}
		w.wantBalance("minji", full)
		if n := asked.Load(); n < 10 || n > 200 {
			w.Fatalf("the poisoned order was looked up %d times in a day", n)
		}
	})
}

// TestTenMinutesWithoutIamportHealByThemselves: webhooks and browsers were told to try again, and nobody did.
func TestTenMinutesWithoutIamportHealByThemselves(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		var paid []string
		for range 10 {
			paid = append(paid, w.pay(w.order("minji")))
		}
		f.say(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
		for minute := range 10 {
			clock.pass(time.Minute)
			_, err := w.Charge(w.Context(), "minji", paid[minute])
			w.wantCode(err, point.GatewayUnavailable)
			_, _ = w.Sweep(w.Context(), 100)
		}
		f.say(f.gateway.ServeHTTP)
		w.Gateway = w.client(f.gateway) // whose breaker has not seen the trouble: this one waits on the real clock
		clock.pass(3 * time.Minute)
		w.sweep(10)
		w.wantBalance("minji", 10*full)
	})
}

func TestUnpaidOrdersExpireAndALatePaymentCounts(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		order := w.order("minji")
		clock.pass(59 * time.Minute)
		w.expireOrders(0)
		clock.pass(time.Minute)
		w.expireOrders(1)
		w.expireOrders(0)
		w.wantStatus(order, point.OrderExpired)
		w.sync(w.pay(order))
		w.wantBalance("minji", full)
		w.wantStatus(order, point.OrderPaid)
		clock.pass(day)
		w.expireOrders(0)
	})
}

func TestALatePaymentIsSwept(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		order := w.order("minji")
		clock.pass(7 * day)
		w.expireOrders(1)
		w.sweep(1)
		w.pay(order)
		clock.pass(7 * day)
		w.sweep(1)
		w.wantBalance("minji", full)
	})
}

// TestOrdersExpireWhileTheyArePaid: whoever comes first, a paid order is never called expired.
func TestOrdersExpireWhileTheyArePaid(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		w := newWorld(t, db, "sandbox")
		clock := w.stopClock()
		var paid []string
		for range 30 {
			paid = append(paid, w.pay(w.order("minji")))
		}
		clock.pass(2 * time.Hour)
		var race sync.WaitGroup
		for _, impUID := range paid {
			race.Go(func() { w.sync(impUID) })
			race.Go(func() {
				if _, err := w.ExpireOrders(w.Context(), 3); err != nil {
					w.Error(err)
				}
			})
		}
		race.Wait()
		w.wantBalance("minji", 30*full)
		if n := w.count("charge_orders", "status = 'PAID'"); n != 30 {
			w.Errorf("%d orders are paid, want 30", n)
		}
	})
}

func (w *world) expireOrders(want int) {
	w.Helper()
	n, err := w.ExpireOrders(w.Context(), 100)
	w.must(err)
	if n != want {
		w.Fatalf("%d orders expired, want %d", n, want)
	}
}
