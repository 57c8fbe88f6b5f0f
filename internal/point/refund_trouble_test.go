package point_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// patience is longer than the domain's: a refund nobody knows of by then was never made.
const patience = 2*time.Minute + time.Microsecond

// impatient is a gateway whose Cancel gives up when giveUp says so: a timeout without waiting for one.
type impatient struct {
	point.Gateway
	giveUp chan struct{}
}

func (g impatient) Cancel(ctx context.Context, c point.Cancel) (point.Payment, error) {
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

// trouble is what becomes of one call to cancel, before the gateway has done anything or after it has.
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
func troubled(w *world, f *front, trouble trouble, effect bool) *atomic.Int64 {
	calls := new(atomic.Int64)
	giveUp := make(chan struct{})
	w.Gateway = impatient{w.Gateway, giveUp}
	f.onCancel(func(rw http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		body(w.T, r) // read it all, or the server does not notice when the client leaves
		if effect {
			f.gateway.ServeHTTP(httptest.NewRecorder(), r)
		}
		trouble(rw, r, giveUp)
	})
	return calls
}

func eachTrouble(t *testing.T, test func(w *world, f *front, trouble trouble)) {
	t.Helper()
	for name, trouble := range troubles() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachBehindFront(t, func(w *world, f *front) { test(w, f, trouble) })
		})
	}
}

func TestARefundWhoseAnswerIsLostIsReadAgain(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *front, trouble trouble) {
		charge := charged(w)
		calls := troubled(w, f, trouble, true)
		if r := w.refund(asks(charge, 1000, "r-1")); r.Status != point.RefundDone {
			w.Fatalf("unexpected refund %+v", r)
		}
		w.wantBalance("minji", full-1100)
		wantPoints(w.T, "calls", calls.Load(), 1)
	})
}

// TestARefundOfUnknownFateStaysHeldUntilItIsKnown cannot read the payment either, at first.
func TestARefundOfUnknownFateStaysHeldUntilItIsKnown(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *front, trouble trouble) {
		charge := charged(w)
		calls := troubled(w, f, func(rw http.ResponseWriter, r *http.Request, giveUp chan struct{}) {
			f.say(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
			trouble(rw, r, giveUp)
		}, true)
		if r := w.refund(asks(charge, 1000, "r-1")); r.Status != point.RefundHeld || r.EndedAt != nil {
			w.Fatalf("unexpected refund %+v", r)
		}
		w.wantBalance("minji", full)
		w.wantSpendable(full - 1100)
		f.say(f.gateway.ServeHTTP)
		w.sync(*charge.ImpUID)
		w.wantRefund(charge, "r-1", point.RefundDone)
		w.wantBalance("minji", full-1100)
		w.wantSpendable(full - 1100)
		wantPoints(w.T, "calls", calls.Load(), 1)
	})
}

func TestARefundThatNeverArrivedIsReleasedAfterAWhile(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *front, trouble trouble) {
		clock := w.stopClock()
		charge := charged(w)
		calls := troubled(w, f, trouble, false)
		if r := w.refund(asks(charge, 1000, "r-1")); r.Status != point.RefundHeld {
			w.Fatalf("unexpected refund %+v", r)
		}
		clock.pass(patience - time.Microsecond)
		w.sync(*charge.ImpUID)
		w.wantRefund(charge, "r-1", point.RefundHeld)
		w.wantSpendable(full - 1100)
		clock.pass(time.Microsecond)
		w.sync(*charge.ImpUID)
		w.wantRefund(charge, "r-1", point.RefundReleased)
		w.wantSpendable(full)
		if again := w.refund(asks(charge, 1000, "r-1")); again.Status != point.RefundReleased {
			w.Fatalf("the same reference asked again: %+v", again)
		}
		wantPoints(w.T, "calls", calls.Load(), 1)
	})
}

// TestARefundThatIsReleasedAndHappensAllTheSame arrives when we have stopped believing in it.
func TestARefundThatIsReleasedAndHappensAllTheSame(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *front, trouble trouble) {
		clock := w.stopClock()
		charge := charged(w)
		troubled(w, f, trouble, false)
		w.refund(asks(charge, 1000, "r-1"))
		clock.pass(patience)
		w.sync(*charge.ImpUID)
		w.spend(full, "order-1")
		w.consoleCancel(*charge.ImpUID, 1000)
		w.wantBalance("minji", -1100)
	})
}

// TestARefusedRefundReleasesItsHold: somebody has cancelled at the console and nobody told us, so our
// checksum is wrong.
func TestARefusedRefundReleasesItsHold(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		charge := charged(w)
		f.onCancel(func(rw http.ResponseWriter, r *http.Request) {
			if err := f.gateway.Cancel(*charge.ImpUID, "2000"); err != nil {
				w.Error(err)
			}
			f.gateway.ServeHTTP(rw, r)
		})
		_, err := w.Refund(w.Context(), asks(charge, 1000, "r-1"))
		w.wantCode(err, point.RefundNotPossible)
		w.wantRefund(charge, "r-1", point.RefundReleased)
		w.wantBalance("minji", full-2200) // the books follow the console
		w.wantSpendable(full - 2200)
	})
}

func TestARefundTheProviderRefusesReleasesItsHold(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		charge := charged(w)
		f.onCancel(func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(rw, `{"code":1,"message":"취소기간이 지났습니다.","response":null}`)
		})
		_, err := w.Refund(w.Context(), asks(charge, 1000, "r-1"))
		w.wantCode(err, point.RefundNotPossible)
		w.wantRefund(charge, "r-1", point.RefundReleased)
		w.wantBalance("minji", full)
		w.wantSpendable(full)
	})
}

// pending answers a cancellation as providers do that take their time: no new item in cancel_history.
func pending(w *world, f *front, impUID string, cancelled string) {
	f.onCancel(func(rw http.ResponseWriter, r *http.Request) {
		w.edit(impUID, func(p *sandbox.Payment) { p.CancelAmount = json.Number(cancelled) })
		r.Method, r.URL.Path = http.MethodGet, "/payments/"+impUID
		r.URL.RawQuery = "include_sandbox=true"
		f.gateway.ServeHTTP(rw, r)
	})
}

func TestAnAcceptedRefundIsDoneWhenTheWebhookComes(t *testing.T) {
	t.Parallel()
	for name, shown := range map[string]string{"nothing shown yet": "0", "the sum shown, the item not": "1000"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachBehindFront(t, func(w *world, f *front) {
				clock := w.stopClock()
				charge := charged(w)
				pending(w, f, *charge.ImpUID, shown)
				if r := w.refund(asks(charge, 1000, "r-1")); r.Status != point.RefundAccepted || r.EndedAt != nil {
					w.Fatalf("unexpected refund %+v", r)
				}
				clock.pass(2 * day) // the next business day, or the one after
				w.sync(*charge.ImpUID)
				w.wantRefund(charge, "r-1", point.RefundAccepted)
				w.wantSpendable(full - 1100)
				w.edit(*charge.ImpUID, func(p *sandbox.Payment) { p.CancelAmount = "0" })
				w.consoleCancel(*charge.ImpUID, 1000)
				w.wantRefund(charge, "r-1", point.RefundDone)
				w.wantBalance("minji", full-1100)
				w.wantSpendable(full - 1100)
			})
		})
	}
}

// TestAnAcceptedRefundOutlivesAnotherCancel: a smaller one from the console says nothing about ours.
func TestAnAcceptedRefundOutlivesAnotherCancel(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		charge := charged(w)
		pending(w, f, *charge.ImpUID, "0")
		w.refund(asks(charge, 3000, "r-1"))
		w.consoleCancel(*charge.ImpUID, 1000)
		w.wantRefund(charge, "r-1", point.RefundAccepted)
		w.consoleCancel(*charge.ImpUID, 3000)
		w.wantRefund(charge, "r-1", point.RefundDone)
		w.wantBalance("minji", 1100)
	})
}

// TestAHeldRefundEndsWhenTheConsoleCancelsSomethingElse also lets go of what the refund held.
func TestAHeldRefundEndsWhenTheConsoleCancelsSomethingElse(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *front, trouble trouble) {
		charge := charged(w)
		troubled(w, f, trouble, false)
		w.refund(asks(charge, 3000, "r-1"))
		w.consoleCancel(*charge.ImpUID, 1000)
		w.wantRefund(charge, "r-1", point.RefundReleased)
		w.wantSpendable(full - 1100)
	})
}

func TestARefundIsBroughtToItsEndThoughItsCallerLeaves(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		charge := charged(w)
		ctx, leave := context.WithCancel(w.Context())
		f.onCancel(func(rw http.ResponseWriter, r *http.Request) {
			leave()
			f.gateway.ServeHTTP(rw, r)
		})
		r, err := w.Refund(ctx, asks(charge, 1000, "r-1"))
		w.must(err)
		if r.Status != point.RefundDone {
			w.Fatalf("unexpected refund %+v", r)
		}
		w.wantBalance("minji", full-1100)
	})
}

func TestHeldPointsExpireOnlyWhenTheRefundIsOver(t *testing.T) {
	t.Parallel()
	eachTrouble(t, func(w *world, f *front, trouble trouble) {
		clock, charge := expiring(w)
		clock.pass(10*day - time.Minute)
		troubled(w, f, trouble, false)
		w.refund(byAdmin(asks(charge, 1000, "r-1")))
		clock.pass(time.Minute)
		wantPoints(w.T, "users visited", int64(w.expire(10)), 0)
		w.wantBalance("minji", full) // still the user's, if the refund fails
		w.wantSpendable(4400)
		clock.pass(patience)
		w.sync(*charge.ImpUID)
		w.wantHistory("CHARGE 5000", "BONUS 500", "EXPIRE -500")
		w.wantSpendable(5000)
	})
}

func TestNothingIsHeldWhenTheGatewayIsDown(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		charge := charged(w)
		f.say(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
		w.wantRefused(asks(charge, 1000, "r-1"), point.GatewayUnavailable)
	})
}
