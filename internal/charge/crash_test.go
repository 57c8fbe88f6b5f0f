package charge_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
)

// cancelAt makes the n-th statement from now on find its context cancelled.
func cancelAt(t *testing.T, db *gorm.DB) (arm func(n int64, cancel context.CancelFunc)) {
	t.Helper()
	var left atomic.Int64
	var cancel context.CancelFunc
	count := func(*gorm.DB) {
		if left.Add(-1) == 0 {
			cancel()
		}
	}
	callbacks := db.Callback()
	for _, err := range []error{
		callbacks.Create().Before("gorm:create").Register("test:cancel", count),
		callbacks.Query().Before("gorm:query").Register("test:cancel", count),
		callbacks.Row().Before("gorm:row").Register("test:cancel", count),
		callbacks.Raw().Before("gorm:raw").Register("test:cancel", count),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return func(n int64, c context.CancelFunc) { cancel = c; left.Store(n) }
}

// TestACancelledChargeWritesAllOrNothing cancels at the first statement, the second, and so on,
// until a charge has fewer statements than that.
func TestACancelledChargeWritesAllOrNothing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		arm := cancelAt(w.T, w.DB)
		charged := int64(0)
		for n := int64(1); ; n++ {
			arm(-1, nil)
			impUID := w.Pay(w.OpenOrder("minji"))
			ctx, cancel := context.WithCancel(w.Context())
			arm(n, cancel)
			_, err := w.Charge(ctx, "minji", impUID)
			arm(-1, nil)
			cancel()
			if err == nil {
				if n < 8 {
					w.Fatalf("only %d statements were cancelled: the test does not reach the charge", n-1)
				}
				return
			}
			if !errors.Is(err, context.Canceled) {
				w.Fatalf("cancelled at statement %d: %v", n, err)
			}
			w.WantBalance("minji", charged*domaintest.Full) // nothing of it
			_, err = w.Charge(w.Context(), "minji", impUID)
			w.Must(err)
			charged++
			w.WantBalance("minji", charged*domaintest.Full) // all of it
		}
	})
}

// newProxiedWorld has a proxy between the domain and PostgreSQL.
func newProxiedWorld(t *testing.T) (*world, *databasetest.Proxy) {
	t.Helper()
	proxy := databasetest.NewProxy(t, databasetest.URL(t, databasetest.Postgres))
	return newWorld(t, databasetest.Open(t, proxy.URL), "sandbox"), proxy
}

func TestACommitThatNeverArrivedIsTriedAgain(t *testing.T) {
	t.Parallel()
	w, proxy := newProxiedWorld(t)
	impUID := w.Pay(w.OpenOrder("minji"))
	fault := proxy.CutBeforeCommit()
	_, err := w.Charge(t.Context(), "minji", impUID)
	w.Must(err)
	<-fault.Reached
	w.WantBalance("minji", domaintest.Full)
}

// TestACommitWhoseAnswerWasLostIsReadAgain: the line is written, but the caller cannot know. The
// charge finds its own claim and is not mistaken for a repeated one.
func TestACommitWhoseAnswerWasLostIsReadAgain(t *testing.T) {
	t.Parallel()
	w, proxy := newProxiedWorld(t)
	impUID := w.Pay(w.OpenOrder("minji"))
	fault := proxy.CutAfterCommit()
	line, err := w.Charge(t.Context(), "minji", impUID)
	w.Must(err)
	<-fault.Reached
	w.WantBalance("minji", domaintest.Full)
	_, err = w.Charge(t.Context(), "minji", impUID)
	w.WantCode(err, apierror.PaymentAlreadyCharged)
	if id, _ := apierror.Param[string](err, apierror.ParamTransactionID); id != line.ID {
		t.Fatalf("the refusal names %q, want %q", id, line.ID)
	}
}

// TestACancelledCommitIsNotAssumed gives up while the COMMIT is under way. Whatever became of it,
// the next charge finds out.
func TestACancelledCommitIsNotAssumed(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]func(*databasetest.Proxy) *databasetest.Fault{
		"on its way there": (*databasetest.Proxy).HoldCommit,
		"on its way back":  (*databasetest.Proxy).HoldAnswer,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, proxy := newProxiedWorld(t)
			impUID := w.Pay(w.OpenOrder("minji"))
			fault := hold(proxy)
			ctx, cancel := context.WithCancel(t.Context())
			failed := make(chan error, 1)
			go func() {
				_, err := w.Charge(ctx, "minji", impUID)
				failed <- err
			}()
			select {
			case <-fault.Reached:
			case err := <-failed:
				t.Fatalf("the charge did not come to its COMMIT: %v", err)
			}
			cancel()
			fault.Release()
			err := <-failed
			_, again := w.Charge(t.Context(), "minji", impUID)
			if again != nil && apierror.CodeOf(again) != apierror.PaymentAlreadyCharged {
				t.Fatalf("first %v, then %v", err, again)
			}
			if err == nil && again == nil {
				t.Fatal("both charges took the line home")
			}
			w.WantBalance("minji", domaintest.Full)
		})
	}
}
