package charge_test

import (
	"context"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
)

// waiters is how many connections of the database wait for a lock.
func waiters(w *world) int64 {
	return w.Count("pg_stat_activity", "datname = current_database() AND wait_event_type = 'Lock'")
}

// untilOneWaits lets the other connection go as far as it can: to a lock, or to its end.
func (w *world) untilOneWaits(ended <-chan error) {
	w.Helper()
	for waiters(w) == 0 {
		select {
		case err := <-ended:
			w.Fatalf("the second did not wait for the first: %v", err)
		default:
		}
	}
}

// interleaved runs first up to one of its COMMITs, then second until it waits for the first's
// locks, then both to their ends. A second that read before it locked has read what is no longer
// true.
func interleaved(t *testing.T, commits int, prepare func(w *world) (first, second func(s *domaintest.Services) error)) {
	t.Helper()
	url := databasetest.URL(t, databasetest.Postgres)
	w := newWorld(t, databasetest.Open(t, url), "sandbox")
	proxy := databasetest.NewProxy(t, url)
	slow := domaintest.NewServices(databasetest.Open(t, proxy.URL), w.Gateway)
	first, second := prepare(w)
	for range commits - 1 {
		proxy.HoldCommit().Release()
	}
	fault := proxy.HoldCommit()
	firstEnded, secondEnded := make(chan error, 1), make(chan error, 1)
	go func() { firstEnded <- first(slow) }()
	select {
	case <-fault.Reached:
	case err := <-firstEnded:
		t.Fatalf("the first did not come to its COMMIT: %v", err)
	}
	go func() { secondEnded <- second(w.Services) }()
	w.untilOneWaits(secondEnded)
	fault.Release()
	for _, ended := range []chan error{firstEnded, secondEnded} {
		if err := <-ended; err != nil {
			t.Errorf("unexpected: %v", err)
		}
	}
}

func spender(t *testing.T, points int64, reference string) func(s *domaintest.Services) error {
	return func(s *domaintest.Services) error {
		_, err := s.Spend(t.Context(), point.SpendInput{UserID: "minji", Amount: points, Reference: reference, Actor: domaintest.Minji()})
		return err
	}
}

// TestASpendLocksTheWalletBeforeItReadsTheLots: the second finds less in the first lot than there
// was.
func TestASpendLocksTheWalletBeforeItReadsTheLots(t *testing.T) {
	t.Parallel()
	interleaved(t, 1, func(w *world) (first, second func(*domaintest.Services) error) {
		w.Charged()
		return spender(t, 400, "order-1"), spender(t, 400, "order-2")
	})
}

// TestASpendOfTooMuchIsRefusedNotFailed: the second must count anew.
func TestASpendOfTooMuchIsRefusedNotFailed(t *testing.T) {
	t.Parallel()
	interleaved(t, 1, func(w *world) (first, second func(*domaintest.Services) error) {
		w.Charged()
		return spender(t, 4000, "order-1"), func(s *domaintest.Services) error {
			if err := spender(t, 4000, "order-2")(s); apierror.CodeOf(err) != apierror.InsufficientPoints {
				t.Errorf("got %v", err)
			}
			return nil
		}
	})
}

func TestACancelledSpendLocksTheWalletBeforeItReadsWhatIsLeft(t *testing.T) {
	t.Parallel()
	interleaved(t, 1, func(w *world) (first, second func(*domaintest.Services) error) {
		w.Charged()
		w.MustSpend(300, "order-1")
		cancel := func(cancellation string, want apierror.Code) func(*domaintest.Services) error {
			return func(s *domaintest.Services) error {
				_, err := s.CancelSpend(t.Context(), point.CancelSpendInput{UserID: "minji", Reference: "order-1", Amount: 200,
					Cancellation: cancellation, Actor: domaintest.Minji()})
				if apierror.CodeOf(err) != want {
					t.Errorf("got %v, want %q", err, want)
				}
				return nil
			}
		}
		return cancel("c-1", ""), cancel("c-2", apierror.InvalidArgument)
	})
}

// TestAClawbackLocksTheWalletBeforeItExpires: else it expires what the first has expired.
func TestAClawbackLocksTheWalletBeforeItExpires(t *testing.T) {
	t.Parallel()
	interleaved(t, 1, func(w *world) (first, second func(*domaintest.Services) error) {
		clock, credited := w.Expiring()
		clock.Pass(10 * domaintest.Day)
		w.Must(w.Sandbox.Cancel(*credited.ImpUID, "1000"))
		return expirer(t), syncer(t, *credited.ImpUID)
	})
}

func expirer(t *testing.T) func(s *domaintest.Services) error {
	return func(s *domaintest.Services) error {
		_, err := s.Expire(t.Context(), 10)
		return err
	}
}

func syncer(t *testing.T, impUID string) func(s *domaintest.Services) error {
	return func(s *domaintest.Services) error {
		_, err := s.Sync(t.Context(), domaintest.Webhook(), impUID)
		return err
	}
}

func TestExpireLocksTheWalletBeforeItReadsTheLots(t *testing.T) {
	t.Parallel()
	interleaved(t, 1, func(w *world) (first, second func(*domaintest.Services) error) {
		clock, _ := w.Expiring()
		clock.Pass(10 * domaintest.Day)
		return expirer(t), expirer(t)
	})
}

func TestACreditLocksTheOrderBeforeItJudges(t *testing.T) {
	t.Parallel()
	interleaved(t, 1, func(w *world) (first, second func(*domaintest.Services) error) {
		order := w.OpenOrder("minji")
		return syncer(t, w.Pay(order)), syncer(t, w.Pay(order))
	})
}

// deaf is a gateway that has not heard of any cancellation, and does not answer when asked for one.
type deaf struct {
	charge.Gateway
	paid charge.Payment
}

func (g deaf) Payment(context.Context, string) (charge.Payment, error) { return g.paid, nil }
func (g deaf) Cancel(context.Context, charge.Cancel) (charge.Payment, error) {
	return charge.Payment{}, &apierror.Error{Code: apierror.GatewayUnavailable}
}

// TestARefundLocksTheOrderSoThatASyncSeesIt: without it the sync, having read that no refund is
// open, would wait for the wallet only, and leave the refund open that its news has ended.
func TestARefundLocksTheOrderSoThatASyncSeesIt(t *testing.T) {
	t.Parallel()
	var w *world
	var credited point.Transaction
	interleaved(t, 2, func(made *world) (first, second func(*domaintest.Services) error) { // the first COMMIT is a sync's
		w, credited = made, made.Charged()
		paid := domaintest.PaymentHistory(charge.Order{MerchantUID: *credited.Reference, Price: 5000})[2]
		paid.ImpUID = *credited.ImpUID
		w.Must(w.Sandbox.Cancel(*credited.ImpUID, "1000"))
		hold := func(s *domaintest.Services) error {
			s.Gateway = deaf{paid: paid}
			_, err := s.Refund(t.Context(), domaintest.RefundOf(credited, 3000, "r-1"))
			return err
		}
		return hold, syncer(t, *credited.ImpUID)
	})
	w.wantRefund(credited, "r-1", charge.RefundReleased)
}

// TestARefundLocksTheWalletBeforeItReadsTheLots races a spend that is about to be committed.
func TestARefundLocksTheWalletBeforeItReadsTheLots(t *testing.T) {
	t.Parallel()
	interleaved(t, 1, func(w *world) (first, second func(*domaintest.Services) error) {
		credited := w.Charged()
		return spender(t, 400, "order-1"), func(s *domaintest.Services) error {
			if _, err := s.Refund(t.Context(), domaintest.RefundOf(credited, 5000, "r-1")); apierror.CodeOf(err) != apierror.RefundNotPossible {
				t.Errorf("got %v", err)
			}
			return nil
		}
	})
}
