package charge_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

func (w *world) mustClose(reason string) charge.Closing {
	w.Helper()
	closing, err := w.CloseOrders(w.Context(), domaintest.Sora(), domaintest.Product().ID, reason)
	w.Must(err)
	return closing
}

func TestD4APaymentForAClosedOrderIsAProblemAndCanBeDecided(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		paid := w.Charged()
		pending, expired := w.OpenOrder("minji"), w.OpenOrder("minji")
		w.Must(w.DB.Exec("UPDATE charge_orders SET status = 'EXPIRED' WHERE merchant_uid = ?", expired.MerchantUID).Error)
		if closing := w.mustClose("오타"); closing.Orders != 2 || closing.Actor != domaintest.Sora() {
			w.Fatalf("unexpected closing %+v", closing)
		}
		first, second := w.Pay(pending), w.Pay(expired)
		_, err := w.Charge(w.Context(), "minji", first)
		w.WantCode(err, apierror.PaymentMismatch)
		w.MustSync(second)
		w.WantProblems(map[string]charge.Problem{first: charge.OrderClosed, second: charge.OrderClosed})
		w.MustResolve(domaintest.Decision(first, charge.RefundIt))
		w.MustResolve(domaintest.Decision(second, charge.Accept))
		w.WantProblems(nil)
		w.WantBalance("minji", domaintest.Full+5000)
		w.MustSync(*paid.ImpUID)
		w.WantProblem(*paid.ImpUID, charge.NoProblem)
	})
}

func TestD4ClosingNeedsAnOperatorAndAReason(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for code, try := range map[apierror.Code]func() error{
			apierror.Forbidden: func() error {
				_, err := w.CloseOrders(w.Context(), domaintest.Minji(), domaintest.Product().ID, "r")
				return err
			},
			apierror.InvalidArgument: func() error {
				_, err := w.CloseOrders(w.Context(), domaintest.Sora(), domaintest.Product().ID, "")
				return err
			},
			apierror.NotFound: func() error {
				_, err := w.CloseOrders(w.Context(), domaintest.Sora(), "nothing", "r")
				return err
			},
		} {
			w.WantCode(try(), code)
		}
	})
}

func TestD4AVirtualAccountOfAClosedOrderIsNotShownAndItsDepositIsAProblem(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenAccountOrder()
		account := w.IssueAccount(order)
		w.mustClose("오타")
		order, err := w.Order(w.Context(), "minji", order.MerchantUID)
		w.Must(err)
		_, err = w.OrderAccount(w.Context(), order)
		w.WantCode(err, apierror.NotFound)
		w.MustSync(account)
		if order, _ = w.Order(w.Context(), "minji", order.MerchantUID); order.Status != charge.OrderExpired {
			w.Fatalf("the order is %s", order.Status)
		}
		w.Must(w.Sandbox.Deposit(account, "5000"))
		w.MustSync(account)
		w.WantProblem(account, charge.OrderClosed)
		w.WantBalance("minji", 0)
	})
}

// TestD4AClosingRacesPayments: each order is either paid or closed.
func TestD4AClosingRacesPayments(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		var payers []func()
		var charged atomic.Int64
		for range 8 {
			impUID := w.Pay(w.OpenOrder("minji"))
			payers = append(payers, func() {
				if _, err := w.Charge(w.Context(), "minji", impUID); err == nil {
					charged.Add(1)
				}
			})
		}
		domaintest.Together(append(payers, func() { w.mustClose("오타") })...)
		closed := w.Count("charge_orders", "closing_id IS NOT NULL")
		if charged.Load()+closed != 8 {
			w.Fatalf("%d are charged and %d closed", charged.Load(), closed)
		}
		w.WantBalance("minji", charged.Load()*domaintest.Full)
	})
}

// TestD4AnOrderThatWasBegunBeforeACorrectionIsNotOpened: the gateway took its time, and meanwhile
// the price was corrected and the orders were closed.
func TestD4AnOrderThatWasBegunBeforeACorrectionIsNotOpened(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		corrected := domaintest.Product()
		corrected.Price = 6000
		w.Gateway = slowPrepare{w.Gateway, func() {
			_, err := w.UpsertProduct(w.Context(), corrected)
			w.Must(err)
			w.mustClose("오타")
		}}
		_, err := w.Open(w.Context(), "minji", corrected.ID, charge.PayByCard)
		w.WantCode(err, apierror.ProductUnavailable)
		domaintest.WantPoints(w.T, "orders", w.Count("charge_orders", "TRUE"), 0)
	})
}

func TestD4APaymentOfAnOldOrderIsLate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		age    time.Duration // of the order when it is paid
		after  time.Duration // until we hear of it
		credit bool
	}{
		"in time":                     {30 * domaintest.Day, 0, true},
		"in time, and heard of later": {30 * domaintest.Day, 365 * domaintest.Day, true},
		"a second late":               {30*domaintest.Day + time.Second, 0, false},
		"years late":                  {1000 * domaintest.Day, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				clock := w.StopClock()
				order := w.OpenOrder("minji")
				clock.Pass(c.age)
				impUID := w.Pay(order, paidAt(clock.Now()))
				clock.Pass(c.after)
				w.MustSync(impUID)
				if c.credit {
					w.WantBalance("minji", domaintest.Full)
					return
				}
				w.WantProblems(map[string]charge.Problem{impUID: charge.Late})
				w.MustResolve(domaintest.Decision(impUID, charge.Ignore))
				w.WantProblems(nil)
				w.WantBalance("minji", 0)
			})
		})
	}
}

func TestD4ADepositBeforeItsDeadlineIsNeverLate(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.MaxOrderAge = time.Hour
		clock := w.StartToday()
		account := w.IssueAccount(w.OpenAccountOrder()) // for 72 hours
		clock.Pass(70 * time.Hour)
		w.Must(w.Sandbox.Deposit(account, "5000"))
		w.EditPayment(account, paidAt(clock.Now()))
		w.MustSync(account)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestS6AUserHasFewOpenOrders(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		w.MaxOpenOrders = 3
		for range 3 {
			w.OpenOrder("minji")
		}
		_, err := w.Open(w.Context(), "minji", domaintest.Product().ID, charge.PayByCard)
		w.WantCode(err, apierror.InvalidArgument)
		if limit, _ := apierror.Param[int64](err, apierror.ParamLimit); apierror.ReasonOf(err) != charge.TooManyOpenOrders || limit != 3 {
			w.Fatalf("refused with %v", err)
		}
		w.OpenOrder("junho")
		clock.Pass(2 * time.Hour)
		_, err = w.ExpireOrders(w.Context(), 100)
		w.Must(err)
		w.OpenOrder("minji")
	})
}

func TestS6UnpaidOrdersAreDeletedAndThoseWithPaymentsStay(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		w.Charged()
		tried, untried := w.OpenOrder("minji"), w.OpenOrder("minji")
		w.MustSync(w.Pay(tried, domaintest.WithStatus(sandbox.Failed)))
		w.prune(0)
		clock.Pass(15 * domaintest.Day)
		w.SweepDue(2)
		w.prune(0)
		clock.Pass(100 * domaintest.Day)
		w.prune(2)
		w.prune(0) // what stays is not looked at again
		if n := w.Count("charge_orders", "merchant_uid = ?", untried.MerchantUID); n != 0 {
			w.Error("the untried order stays")
		}
		domaintest.WantPoints(w.T, "orders", w.Count("charge_orders", "TRUE"), 2)
		w.MustSync(w.Pay(untried))
		w.WantProblems(nil)
		w.WantBalance("minji", domaintest.Full)
	})
}

// TestS6PruningRacesAttempts: an order with a payment is never deleted.
func TestS6PruningRacesAttempts(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		var callers []func()
		for range 6 {
			impUID := w.Pay(w.OpenOrder("minji"), domaintest.WithStatus(sandbox.Failed))
			callers = append(callers, func() { w.SyncInRace(impUID) })
		}
		clock.Pass(200 * domaintest.Day)
		w.Must(w.DB.Exec("UPDATE charge_orders SET check_at = NULL, given_up_at = created_at").Error)
		domaintest.Together(append(callers, func() {
			if _, err := w.PruneOrders(w.Context(), 100); err != nil {
				w.Error(err)
			}
		})...)
		lost := w.Count("payments", "user_id <> '' AND merchant_uid NOT IN (SELECT merchant_uid FROM charge_orders)")
		domaintest.WantPoints(w.T, "payments of deleted orders", lost, 0)
	})
}

func (w *world) prune(want int) {
	w.Helper()
	n, err := w.PruneOrders(w.Context(), 100)
	w.Must(err)
	if n != want {
		w.Fatalf("%d orders are due, want %d", n, want)
	}
}

// TestS6NoUserOutrunsTheSweep: somebody has many more due orders than a sweep looks at, and all
// of them are older.
func TestS6NoUserOutrunsTheSweep(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		w.MaxOpenOrders = 1000
		for range 30 {
			w.OpenOrder("junho")
		}
		for i := range 2 {
			clock.Pass(time.Second)
			w.Pay(w.OpenOrder(fmt.Sprint("minji-", i)), paidAt(clock.Now()))
		}
		clock.Pass(time.Hour)
		for range 4 {
			_, err := w.Sweep(w.Context(), 1)
			w.Must(err)
		}
		w.WantBalance("minji-0", domaintest.Full)
		w.WantBalance("minji-1", domaintest.Full)
		if n := w.Count("charge_orders", "user_id = 'junho' AND check_at <= ?", clock.Now()); n != 0 {
			w.Errorf("%d orders of junho fill the window still", n)
		}
	})
}
