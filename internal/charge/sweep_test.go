package charge_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

func (w *world) orderLookups() int {
	return w.Sandbox.Requests()["GET /payments/findAll/{merchant_uid}"]
}

func TestF31ASweepCreditsWhatNobodyToldUsOf(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		w.Pay(w.OpenOrder("minji"))
		w.SweepDue(0) // the browser and the webhook come first
		clock.Pass(2 * time.Minute)
		w.SweepDue(1)
		w.WantBalance("minji", domaintest.Full)
		clock.Pass(domaintest.Day)
		w.SweepDue(0)
	})
}

func TestF28ASweepCreditsThePaidAttemptNotTheNewest(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		order := w.OpenOrder("minji")
		w.Pay(order, domaintest.WithStatus(sandbox.Failed))
		w.Pay(order)
		w.Pay(order, domaintest.WithStatus(sandbox.Failed))
		clock.Pass(time.Hour)
		w.SweepDue(1)
		w.WantBalance("minji", domaintest.Full)
	})
}

// TestAnOrderNobodyPaysIsLookedAtLessAndLess: most abandoned orders stay abandoned.
func TestAnOrderNobodyPaysIsLookedAtLessAndLess(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		w.OpenOrder("minji")
		for range 30 * 24 * 60 / 10 {
			clock.Pass(10 * time.Minute)
			_, err := w.Sweep(w.Context(), 100)
			w.Must(err)
		}
		if n := w.orderLookups(); n < 8 || n > 16 {
			w.Fatalf("an abandoned order was looked up %d times in a month", n)
		}
		if n := w.Count("charge_orders", "check_at IS NOT NULL"); n != 0 {
			w.Fatal("it is looked at for ever")
		}
	})
}

func TestAnAwaitedDepositIsLookedForEveryHour(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		order := w.OpenOrder("minji")
		impUID := w.Pay(order, domaintest.WithStatus(sandbox.Ready), func(p *sandbox.Payment) {
			p.PayMethod, p.VbankNum, p.VbankDate = "vbank", "110", clock.Now().Add(7*domaintest.Day).Unix()
		})
		w.MustSync(impUID)
		for range 5 * 24 {
			clock.Pass(time.Hour)
			_, err := w.Sweep(w.Context(), 100)
			w.Must(err)
		}
		w.EditPayment(impUID, domaintest.WithStatus(sandbox.Paid))
		clock.Pass(time.Hour)
		w.SweepDue(1)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestASweepIsFairAndBounded(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		first := w.OpenOrder("minji")
		clock.Pass(time.Second)
		for range 4 {
			w.OpenOrder("junho")
		}
		clock.Pass(time.Hour)
		n, err := w.Sweep(w.Context(), 1)
		w.Must(err)
		if n != 1 || w.orderLookups() != 1 || w.Count("charge_orders", "merchant_uid = ? AND check_at > ?", first.MerchantUID, clock.Now()) != 1 {
			w.Fatalf("%d orders, %d look-ups: the longest due is not the one that was looked at", n, w.orderLookups())
		}
		w.SweepDue(4)
		w.SweepDue(0)
	})
}

// TestManySweepsLookAtAnOrderOnce: an order belongs to the server that moved its time on.
func TestManySweepsLookAtAnOrderOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		const orders = 20
		for range orders {
			w.Pay(w.OpenOrder("minji"))
		}
		clock.Pass(time.Hour)
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
		w.WantBalance("minji", orders*domaintest.Full)
	})
}

// TestADeadSweepersOrderIsDueAgain: it had moved the order's time on, and asked nobody.
func TestADeadSweepersOrderIsDueAgain(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		w.Pay(w.OpenOrder("minji"))
		clock.Pass(4 * time.Minute)
		f.Say(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		if _, err := w.Sweep(w.Context(), 100); err == nil {
			w.Fatal("the sweep says that all is well")
		}
		f.Say(f.Sandbox.ServeHTTP)
		w.SweepDue(0)
		clock.Pass(time.Minute)
		w.SweepDue(1)
		w.WantBalance("minji", domaintest.Full)
	})
}

// TestAPoisonedOrderKeepsNobodyWaiting: one order's answers cannot be read, ever.
func TestAPoisonedOrderKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		poisoned := w.OpenOrder("junho")
		w.Pay(w.OpenOrder("minji"))
		var asked atomic.Int64
		f.Say(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/payments/findAll/"+poisoned.MerchantUID {
				asked.Add(1)
				_, _ = rw.Write([]byte(`{"code":0,"response":{"list":"nonsense"}}`))
				return
			}
			f.Sandbox.ServeHTTP(rw, r)
		})
		for range 24 * 60 {
			clock.Pass(time.Minute)
			_, _ = w.Sweep(w.Context(), 100)
		}
		w.WantBalance("minji", domaintest.Full)
		if n := asked.Load(); n < 10 || n > 200 {
			w.Fatalf("the poisoned order was looked up %d times in a day", n)
		}
	})
}

// TestTenMinutesWithoutIamportHealByThemselves: webhooks and browsers were told to try again, and
// nobody did.
func TestTenMinutesWithoutIamportHealByThemselves(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		var paid []string
		for range 10 {
			paid = append(paid, w.Pay(w.OpenOrder("minji")))
		}
		f.Say(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
		for minute := range 10 {
			clock.Pass(time.Minute)
			_, err := w.Charge(w.Context(), "minji", paid[minute])
			w.WantCode(err, apierror.GatewayUnavailable)
			_, _ = w.Sweep(w.Context(), 100)
		}
		f.Say(f.Sandbox.ServeHTTP)
		w.Gateway = domaintest.NewClient(w.T, f.Sandbox, w.Live) // whose breaker has not seen the trouble: this one waits on the real clock
		clock.Pass(3 * time.Minute)
		w.SweepDue(10)
		w.WantBalance("minji", 10*domaintest.Full)
	})
}

func TestUnpaidOrdersExpireAndALatePaymentCounts(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		order := w.OpenOrder("minji")
		clock.Pass(59 * time.Minute)
		w.expireOrders(0)
		clock.Pass(time.Minute)
		w.expireOrders(1)
		w.expireOrders(0)
		w.wantStatus(order, charge.OrderExpired)
		w.MustSync(w.Pay(order))
		w.WantBalance("minji", domaintest.Full)
		w.wantStatus(order, charge.OrderPaid)
		clock.Pass(domaintest.Day)
		w.expireOrders(0)
	})
}

func TestALatePaymentIsSwept(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		order := w.OpenOrder("minji")
		clock.Pass(7 * domaintest.Day)
		w.expireOrders(1)
		w.SweepDue(1)
		w.Pay(order)
		clock.Pass(7 * domaintest.Day)
		w.SweepDue(1)
		w.WantBalance("minji", domaintest.Full)
	})
}

// TestOrdersExpireWhileTheyArePaid: whoever comes first, a paid order is never called expired.
func TestOrdersExpireWhileTheyArePaid(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		w := newWorld(t, db, "sandbox")
		clock := w.StopClock()
		var paid []string
		for range 30 {
			paid = append(paid, w.Pay(w.OpenOrder("minji")))
		}
		clock.Pass(2 * time.Hour)
		var race sync.WaitGroup
		for _, impUID := range paid {
			race.Go(func() { w.MustSync(impUID) })
			race.Go(func() {
				if _, err := w.ExpireOrders(w.Context(), 3); err != nil {
					w.Error(err)
				}
			})
		}
		race.Wait()
		w.WantBalance("minji", 30*domaintest.Full)
		if n := w.Count("charge_orders", "status = 'PAID'"); n != 30 {
			w.Errorf("%d orders are paid, want 30", n)
		}
	})
}

func (w *world) expireOrders(want int) {
	w.Helper()
	n, err := w.ExpireOrders(w.Context(), 100)
	w.Must(err)
	if n != want {
		w.Fatalf("%d orders expired, want %d", n, want)
	}
}
