package charge_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

// patience is longer than the domain's: a refund nobody knows of by then was never made.
const patience = 2*time.Minute + time.Microsecond

// impatient is a gateway whose Cancel gives up when giveUp says so: a timeout without waiting for
// one.
type impatient struct {
	charge.Gateway
	giveUp chan struct{}
}

func (g impatient) Cancel(ctx context.Context, c charge.Cancel) (charge.Payment, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-g.giveUp:
			stop()
		case <-ctx.Done():
		}
	}()
	return g.Gateway.Cancel(ctx, c)
}

// trouble is what becomes of one call to cancel, before the gateway has done anything or after it
// has.
type trouble func(rw http.ResponseWriter, r *http.Request, giveUp chan struct{})

func troubles() map[string]trouble {
	return map[string]trouble{
		"timeout": func(_ http.ResponseWriter, r *http.Request, giveUp chan struct{}) {
			close(giveUp)
			<-r.Context().Done()
		},
		"reset":       func(http.ResponseWriter, *http.Request, chan struct{}) { panic(http.ErrAbortHandler) },
		"bad gateway": func(rw http.ResponseWriter, _ *http.Request, _ chan struct{}) { rw.WriteHeader(http.StatusBadGateway) },
		"half an answer": func(rw http.ResponseWriter, _ *http.Request, _ chan struct{}) {
			_, _ = io.WriteString(rw, `{"code":0,"resp`)
		},
	}
}

// troubled makes every call to cancel end in trouble, and counts them.
func troubled(w *world, f *domaintest.Front, trouble trouble, effect bool) *atomic.Int64 {
	calls := new(atomic.Int64)
	giveUp := make(chan struct{})
	w.Gateway = impatient{w.Gateway, giveUp}
	f.OnCancel(func(rw http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		body(w.T, r) // read it all, or the server does not notice when the client leaves
		if effect {
			f.Sandbox.ServeHTTP(httptest.NewRecorder(), r)
		}
		trouble(rw, r, giveUp)
	})
	return calls
}

func eachTrouble(t *testing.T, test func(w *world, f *domaintest.Front, trouble trouble)) {
	t.Helper()
	for name, trouble := range troubles() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachBehindFront(t, func(w *world, f *domaintest.Front) { test(w, f, trouble) })
		})
	}
}

func TestARefundWhoseAnswerIsLostIsReadAgain(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *domaintest.Front, trouble trouble) {
		credited := w.Charged()
		calls := troubled(w, f, trouble, true)
		if r := w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1")); r.Status != charge.RefundDone {
			w.Fatalf("unexpected refund %+v", r)
		}
		w.WantBalance("minji", domaintest.Full-1100)
		domaintest.WantPoints(w.T, "calls", calls.Load(), 1)
	})
}

// TestARefundOfUnknownFateStaysHeldUntilItIsKnown cannot read the payment either, at first.
func TestARefundOfUnknownFateStaysHeldUntilItIsKnown(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *domaintest.Front, trouble trouble) {
		credited := w.Charged()
		calls := troubled(w, f, func(rw http.ResponseWriter, r *http.Request, giveUp chan struct{}) {
			f.Say(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
			trouble(rw, r, giveUp)
		}, true)
		if r := w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1")); r.Status != charge.RefundHeld || r.EndedAt != nil {
			w.Fatalf("unexpected refund %+v", r)
		}
		w.WantBalance("minji", domaintest.Full)
		w.WantSpendable(domaintest.Full - 1100)
		f.Say(f.Sandbox.ServeHTTP)
		w.MustSync(*credited.ImpUID)
		w.wantRefund(credited, "r-1", charge.RefundDone)
		w.WantBalance("minji", domaintest.Full-1100)
		w.WantSpendable(domaintest.Full - 1100)
		domaintest.WantPoints(w.T, "calls", calls.Load(), 1)
	})
}

func TestARefundThatNeverArrivedIsReleasedAfterAWhile(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *domaintest.Front, trouble trouble) {
		clock := w.StopClock()
		credited := w.Charged()
		calls := troubled(w, f, trouble, false)
		if r := w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1")); r.Status != charge.RefundHeld {
			w.Fatalf("unexpected refund %+v", r)
		}
		clock.Pass(patience - time.Microsecond)
		w.MustSync(*credited.ImpUID)
		w.wantRefund(credited, "r-1", charge.RefundHeld)
		w.WantSpendable(domaintest.Full - 1100)
		clock.Pass(time.Microsecond)
		w.MustSync(*credited.ImpUID)
		w.wantRefund(credited, "r-1", charge.RefundReleased)
		w.WantSpendable(domaintest.Full)
		if again := w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1")); again.Status != charge.RefundReleased {
			w.Fatalf("the same reference asked again: %+v", again)
		}
		domaintest.WantPoints(w.T, "calls", calls.Load(), 1)
	})
}

// TestARefundThatIsReleasedAndHappensAllTheSame arrives when we have stopped believing in it.
func TestARefundThatIsReleasedAndHappensAllTheSame(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *domaintest.Front, trouble trouble) {
		clock := w.StopClock()
		credited := w.Charged()
		troubled(w, f, trouble, false)
		w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
		clock.Pass(patience)
		w.MustSync(*credited.ImpUID)
		w.MustSpend(domaintest.Full, "order-1")
		w.CancelAtConsole(*credited.ImpUID, 1000)
		w.WantBalance("minji", -1100)
	})
}

// TestARefusedRefundReleasesItsHold: somebody has cancelled at the console and nobody told us, so
// our checksum is wrong.
func TestARefusedRefundReleasesItsHold(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited := w.Charged()
		f.OnCancel(func(rw http.ResponseWriter, r *http.Request) {
			if err := f.Sandbox.Cancel(*credited.ImpUID, "2000"); err != nil {
				w.Error(err)
			}
			f.Sandbox.ServeHTTP(rw, r)
		})
		_, err := w.Refund(w.Context(), domaintest.RefundOf(credited, 1000, "r-1"))
		w.WantCode(err, apierror.RefundNotPossible)
		w.wantRefund(credited, "r-1", charge.RefundReleased)
		w.WantBalance("minji", domaintest.Full-2200) // the books follow the console
		w.WantSpendable(domaintest.Full - 2200)
	})
}

func TestARefundTheProviderRefusesReleasesItsHold(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited := w.Charged()
		f.OnCancel(func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(rw, `{"code":1,"message":"취소기간이 지났습니다.","response":null}`)
		})
		_, err := w.Refund(w.Context(), domaintest.RefundOf(credited, 1000, "r-1"))
		w.WantCode(err, apierror.RefundNotPossible)
		w.wantRefund(credited, "r-1", charge.RefundReleased)
		w.WantBalance("minji", domaintest.Full)
		w.WantSpendable(domaintest.Full)
	})
}

// pending answers a cancellation as providers do that take their time: no new item in
// cancel_history.
func pending(w *world, f *domaintest.Front, impUID string, cancelled string) {
	f.OnCancel(func(rw http.ResponseWriter, r *http.Request) {
		w.EditPayment(impUID, func(p *sandbox.Payment) { p.CancelAmount = json.Number(cancelled) })
		r.Method, r.URL.Path = http.MethodGet, "/payments/"+impUID
		r.URL.RawQuery = "include_sandbox=true"
		f.Sandbox.ServeHTTP(rw, r)
	})
}

func TestAnAcceptedRefundIsDoneWhenTheWebhookComes(t *testing.T) {
	t.Parallel()
	for name, shown := range map[string]string{"nothing shown yet": "0", "the sum shown, the item not": "1000"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachBehindFront(t, func(w *world, f *domaintest.Front) {
				clock := w.StopClock()
				credited := w.Charged()
				pending(w, f, *credited.ImpUID, shown)
				if r := w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1")); r.Status != charge.RefundAccepted || r.EndedAt != nil {
					w.Fatalf("unexpected refund %+v", r)
				}
				clock.Pass(2 * domaintest.Day) // the next business domaintest.Day, or the one after
				w.MustSync(*credited.ImpUID)
				w.wantRefund(credited, "r-1", charge.RefundAccepted)
				w.WantSpendable(domaintest.Full - 1100)
				w.EditPayment(*credited.ImpUID, func(p *sandbox.Payment) { p.CancelAmount = "0" })
				w.CancelAtConsole(*credited.ImpUID, 1000)
				w.wantRefund(credited, "r-1", charge.RefundDone)
				w.WantBalance("minji", domaintest.Full-1100)
				w.WantSpendable(domaintest.Full - 1100)
			})
		})
	}
}

// TestAnAcceptedRefundOutlivesAnotherCancel: a smaller one from the console says nothing about
// ours.
func TestAnAcceptedRefundOutlivesAnotherCancel(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited := w.Charged()
		pending(w, f, *credited.ImpUID, "0")
		w.MustRefund(domaintest.RefundOf(credited, 3000, "r-1"))
		w.CancelAtConsole(*credited.ImpUID, 1000)
		w.wantRefund(credited, "r-1", charge.RefundAccepted)
		w.CancelAtConsole(*credited.ImpUID, 3000)
		w.wantRefund(credited, "r-1", charge.RefundDone)
		w.WantBalance("minji", 1100)
	})
}

// TestAHeldRefundEndsWhenTheConsoleCancelsSomethingElse also lets go of what the refund held.
func TestAHeldRefundEndsWhenTheConsoleCancelsSomethingElse(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *domaintest.Front, trouble trouble) {
		credited := w.Charged()
		troubled(w, f, trouble, false)
		w.MustRefund(domaintest.RefundOf(credited, 3000, "r-1"))
		w.CancelAtConsole(*credited.ImpUID, 1000)
		w.wantRefund(credited, "r-1", charge.RefundReleased)
		w.WantSpendable(domaintest.Full - 1100)
	})
}

func TestARefundIsBroughtToItsEndThoughItsCallerLeaves(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited := w.Charged()
		ctx, leave := context.WithCancel(w.Context())
		f.OnCancel(func(rw http.ResponseWriter, r *http.Request) {
			leave()
			f.Sandbox.ServeHTTP(rw, r)
		})
		r, err := w.Refund(ctx, domaintest.RefundOf(credited, 1000, "r-1"))
		w.Must(err)
		if r.Status != charge.RefundDone {
			w.Fatalf("unexpected refund %+v", r)
		}
		w.WantBalance("minji", domaintest.Full-1100)
	})
}

func TestHeldPointsExpireOnlyWhenTheRefundIsOver(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *domaintest.Front, trouble trouble) {
		clock, credited := w.Expiring()
		clock.Pass(10*domaintest.Day - time.Minute)
		troubled(w, f, trouble, false)
		w.MustRefund(domaintest.ByAdmin(domaintest.RefundOf(credited, 1000, "r-1")))
		clock.Pass(time.Minute)
		domaintest.WantPoints(w.T, "users visited", int64(w.ExpireDue(10)), 0)
		w.WantBalance("minji", domaintest.Full) // still the user's, if the refund fails
		w.WantSpendable(4000)
		clock.Pass(patience)
		w.MustSync(*credited.ImpUID)
		w.WantHistory("CHARGE 5000", "BONUS 500", "EXPIRE -500")
		w.WantSpendable(5000)
	})
}

func TestNothingIsHeldWhenTheGatewayIsDown(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited := w.Charged()
		f.Say(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
		w.wantRefused(domaintest.RefundOf(credited, 1000, "r-1"), apierror.GatewayUnavailable)
	})
}
