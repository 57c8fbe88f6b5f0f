package charge_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

const (
	issueRoute  = "POST /vbanks"
	revokeRoute = "DELETE /vbanks/{imp_uid}"
)

// wantStatus fails unless the order has come so far, and returns it.
func (w *world) wantStatus(o charge.Order, status charge.OrderStatus) charge.Order {
	w.Helper()
	now, err := w.Order(w.Context(), o.UserID, o.MerchantUID)
	w.Must(err)
	if now.Status != status {
		w.Fatalf("the order is %s, want %s", now.Status, status)
	}
	return now
}

// wantCalls fails unless the gateway was asked for so many accounts.
func (w *world) wantCalls(route string, n int) {
	w.Helper()
	if asked := w.Sandbox.Requests()[route]; asked != n {
		w.Fatalf("%s was asked %d times, want %d", route, asked, n)
	}
}

func TestAnIssuedAccountIsShownUntilItsDeadline(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StartToday()
		order, err := w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(w.OpenAccountOrder()))
		w.Must(err)
		deadline := clock.Now().Add(72 * time.Hour).Truncate(time.Second)
		account, err := w.OrderAccount(w.Context(), order)
		w.Must(err)
		if order.Status != charge.OrderWaitingDeposit || !order.ExpiresAt.Equal(deadline) {
			w.Fatalf("unexpected order %+v", order)
		}
		if account.Bank != "신한은행" || account.Number == "" || account.Holder != "포인트차지" || !account.DepositBy.Equal(deadline) {
			w.Fatalf("unexpected account %+v", account)
		}
		w.WantBalance("minji", 0)
		w.Must(w.Sandbox.Deposit(w.AccountOf(order), "5000"))
		w.MustSync(w.AccountOf(order))
		w.wantStatus(order, charge.OrderPaid)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestASecondClickIsShownTheSameAccount(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenAccountOrder()
		impUID := w.IssueAccount(order)
		again, err := w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(order))
		w.Must(err)
		if again.Status != charge.OrderWaitingDeposit || w.AccountOf(order) != impUID {
			w.Fatalf("unexpected order %+v", again)
		}
		w.wantCalls(issueRoute, 1)
	})
}

// TestClicksAtTheSameTimeAskForOneAccount keeps the first request at the gateway until all the
// others were answered.
func TestClicksAtTheSameTimeAskForOneAccount(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		order := w.OpenAccountOrder()
		asked, answer := make(chan struct{}), make(chan struct{})
		f.Say(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/vbanks" {
				close(asked) // a second request would panic
				<-answer
			}
			f.Sandbox.ServeHTTP(rw, r)
		})
		first := make(chan error)
		go func() {
			_, err := w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(order))
			first <- err
		}()
		<-asked
		var others sync.WaitGroup
		for range 8 {
			others.Go(func() {
				_, err := w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(order))
				if apierror.CodeOf(err) != apierror.GatewayUnavailable {
					w.Errorf("got %v", err)
				}
			})
		}
		others.Wait()
		close(answer)
		w.Must(<-first)
		w.wantCalls(issueRoute, 1)
		w.IssueAccount(order)
		w.wantCalls(issueRoute, 1)
	})
}

// losing makes the first request for an account end without an answer, after it had its effect or
// without one.
func losing(f *domaintest.Front, path string, effect bool) *atomic.Int64 {
	calls := new(atomic.Int64)
	f.Say(func(rw http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, path) {
			f.Sandbox.ServeHTTP(rw, r)
			return
		}
		if effect || calls.Load() > 0 {
			f.Sandbox.ServeHTTP(httptest.NewRecorder(), r)
		}
		calls.Add(1)
		rw.WriteHeader(http.StatusBadGateway)
	})
	return calls
}

func TestAnAccountWhoseAnswerWasLostIsFoundAndUsed(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		order := w.OpenAccountOrder()
		losing(f, "/vbanks", true)
		w.IssueAccount(order)
		w.wantStatus(order, charge.OrderWaitingDeposit)
		w.wantCalls(issueRoute, 1)
	})
}

// TestAnAccountThatComesLateIsFoundBeforeAnotherIsAskedFor: the gateway makes it after everybody
// has given up.
func TestAnAccountThatComesLateIsFoundBeforeAnotherIsAskedFor(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StartToday()
		order := w.OpenAccountOrder()
		calls := losing(f, "/vbanks", false)
		for range 2 { // the second one finds the lease taken
			_, err := w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(order))
			w.WantCode(err, apierror.GatewayUnavailable)
		}
		if n := calls.Load(); n != 1 {
			w.Fatalf("%d requests for an account", n)
		}
		w.Pay(order, domaintest.WithStatus(sandbox.Ready), func(p *sandbox.Payment) {
			p.PayMethod, p.VbankNum, p.VbankDate = "vbank", "110", clock.Now().Add(time.Hour).Unix()
		})
		clock.Pass(3 * time.Minute)
		w.IssueAccount(order)
		if n := calls.Load(); n != 1 {
			w.Fatalf("%d requests for an account", n)
		}
	})
}

func TestALostRequestIsMadeAgainOnceItsLeaseIsOver(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StartToday()
		order := w.OpenAccountOrder()
		losing(f, "/vbanks", false)
		_, err := w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(order))
		w.WantCode(err, apierror.GatewayUnavailable)
		f.Say(f.Sandbox.ServeHTTP)
		clock.Pass(2*time.Minute - time.Microsecond)
		_, err = w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(order))
		w.WantCode(err, apierror.GatewayUnavailable)
		w.wantCalls(issueRoute, 0)
		clock.Pass(time.Microsecond)
		w.IssueAccount(order)
		w.wantCalls(issueRoute, 1)
	})
}

// TestARequestThatBeganTooLongAgoIsNotMade: its lease would not cover it.
func TestARequestThatBeganTooLongAgoIsNotMade(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StartToday()
		order := w.OpenAccountOrder()
		f.Say(func(rw http.ResponseWriter, r *http.Request) {
			clock.Pass(31 * time.Second)
			f.Sandbox.ServeHTTP(rw, r)
		})
		_, err := w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(order))
		w.WantCode(err, apierror.GatewayUnavailable)
		w.wantCalls(issueRoute, 0)
		f.Say(f.Sandbox.ServeHTTP)
		w.IssueAccount(order)
	})
}

func TestARefusedAccountCanBeAskedForAgainAtOnce(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusOK, http.StatusBadRequest} {
		eachBehindFront(t, func(w *world, f *domaintest.Front) {
			order := w.OpenAccountOrder()
			f.Say(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/vbanks" {
					f.Sandbox.ServeHTTP(rw, r)
					return
				}
				rw.WriteHeader(status)
				_, _ = io.WriteString(rw, `{"code":1,"message":"가상계좌를 발급할 수 없는 은행입니다.","response":null}`)
			})
			_, err := w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(order))
			w.WantCode(err, apierror.InvalidArgument)
			f.Say(f.Sandbox.ServeHTTP)
			w.IssueAccount(order)
		})
	}
}

// TestF20AnAccountOfTheOtherModeIsNotOffered: the pretend gateway has test accounts only.
func TestF20AnAccountOfTheOtherModeIsNotOffered(t *testing.T) {
	t.Parallel()
	eachLive(t, func(w *world) {
		order := w.OpenAccountOrder()
		_, err := w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(order))
		w.WantCode(err, apierror.GatewayUnavailable)
		order = w.wantStatus(order, charge.OrderPending)
		_, err = w.OrderAccount(w.Context(), order)
		w.WantCode(err, apierror.NotFound)
	})
}
