package point_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

const (
	issueRoute  = "POST /vbanks"
	revokeRoute = "DELETE /vbanks/{imp_uid}"
)

// today is a clock that stands still at this moment: the gateway's deadlines are compared with the machine's clock.
func (w *world) today() *clock {
	c := &clock{at: time.Now().UTC().Truncate(time.Microsecond)}
	w.Now = c.now
	return c
}

// vbankOrder opens an order of minji's that is to be paid by virtual account.
func (w *world) vbankOrder() point.Order {
	w.Helper()
	o, err := w.Open(w.Context(), "minji", product.ID, point.PayByVirtualAccount)
	w.must(err)
	return o
}

func wants(o point.Order) point.AccountInput {
	return point.AccountInput{MerchantUID: o.MerchantUID, Bank: "088", Holder: "포인트차지", Hours: 72}
}

// issued issues an account for the order and returns its payment's imp_uid.
func (w *world) issued(o point.Order) string {
	w.Helper()
	_, err := w.IssueVirtualAccount(w.Context(), o.UserID, wants(o))
	w.must(err)
	return w.account(o)
}

// account is the imp_uid of the only account of an order.
func (w *world) account(o point.Order) string {
	w.Helper()
	var ids []string
	w.must(w.DB.Raw("SELECT imp_uid FROM payments WHERE merchant_uid = ?", o.MerchantUID).Scan(&ids).Error)
	if len(ids) != 1 {
		w.Fatalf("the order has the payments %v", ids)
	}
	return ids[0]
}

// wantStatus fails unless the order has come so far, and returns it.
func (w *world) wantStatus(o point.Order, status point.OrderStatus) point.Order {
	w.Helper()
	now, err := w.Order(w.Context(), o.UserID, o.MerchantUID)
	w.must(err)
	if now.Status != status {
		w.Fatalf("the order is %s, want %s", now.Status, status)
	}
	return now
}

// wantCalls fails unless the gateway was asked for so many accounts.
func (w *world) wantCalls(route string, n int) {
	w.Helper()
	if asked := w.gateway.Requests()[route]; asked != n {
		w.Fatalf("%s was asked %d times, want %d", route, asked, n)
	}
}

func TestAnIssuedAccountIsShownUntilItsDeadline(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.today()
		order, err := w.IssueVirtualAccount(w.Context(), "minji", wants(w.vbankOrder()))
		w.must(err)
		deadline := clock.now().Add(72 * time.Hour).Truncate(time.Second)
		account, err := w.OrderAccount(w.Context(), order)
		w.must(err)
		if order.Status != point.OrderWaitingDeposit || !order.ExpiresAt.Equal(deadline) {
			w.Fatalf("unexpected order %+v", order)
		}
		if account.Bank != "신한은행" || account.Number == "" || account.Holder != "포인트차지" || !account.DepositBy.Equal(deadline) {
			w.Fatalf("unexpected account %+v", account)
		}
		w.wantBalance("minji", 0)
		w.must(w.gateway.Deposit(w.account(order), "5000"))
		w.sync(w.account(order))
		w.wantStatus(order, point.OrderPaid)
		w.wantBalance("minji", full)
	})
}

func TestASecondClickIsShownTheSameAccount(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.vbankOrder()
		impUID := w.issued(order)
		again, err := w.IssueVirtualAccount(w.Context(), "minji", wants(order))
		w.must(err)
		if again.Status != point.OrderWaitingDeposit || w.account(order) != impUID {
			w.Fatalf("unexpected order %+v", again)
		}
		w.wantCalls(issueRoute, 1)
	})
}

// TestClicksAtTheSameTimeAskForOneAccount keeps the first request at the gateway until all the others were answered.
func TestClicksAtTheSameTimeAskForOneAccount(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		order := w.vbankOrder()
		asked, answer := make(chan struct{}), make(chan struct{})
		f.say(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/vbanks" {
				close(asked) // a second request would panic
				<-answer
			}
			f.gateway.ServeHTTP(rw, r)
		})
		first := make(chan error)
		go func() {
			_, err := w.IssueVirtualAccount(w.Context(), "minji", wants(order))
			first <- err
		}()
		<-asked
		var others sync.WaitGroup
		for range 8 {
			others.Go(func() {
				_, err := w.IssueVirtualAccount(w.Context(), "minji", wants(order))
				if point.CodeOf(err) != point.GatewayUnavailable {
					w.Errorf("got %v", err)
				}
			})
		}
		others.Wait()
		close(answer)
		w.must(<-first)
		w.wantCalls(issueRoute, 1)
		w.issued(order)
		w.wantCalls(issueRoute, 1)
	})
}

// losing makes the first request for an account end without an answer, after it had its effect or without one.
func losing(f *front, path string, effect bool) *atomic.Int64 {
	calls := new(atomic.Int64)
	f.say(func(rw http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, path) {
			f.gateway.ServeHTTP(rw, r)
			return
		}
		if effect || calls.Load() > 0 {
			f.gateway.ServeHTTP(httptest.NewRecorder(), r)
		}
		calls.Add(1)
		rw.WriteHeader(http.StatusBadGateway)
	})
	return calls
}

func TestAnAccountWhoseAnswerWasLostIsFoundAndUsed(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		order := w.vbankOrder()
		losing(f, "/vbanks", true)
		w.issued(order)
		w.wantStatus(order, point.OrderWaitingDeposit)
		w.wantCalls(issueRoute, 1)
	})
}

// TestAnAccountThatComesLateIsFoundBeforeAnotherIsAskedFor: the gateway makes it after everybody has given up.
func TestAnAccountThatComesLateIsFoundBeforeAnotherIsAskedFor(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.today()
		order := w.vbankOrder()
		calls := losing(f, "/vbanks", false)
		for range 2 { // the second one finds the lease taken
			_, err := w.IssueVirtualAccount(w.Context(), "minji", wants(order))
			w.wantCode(err, point.GatewayUnavailable)
		}
		if n := calls.Load(); n != 1 {
			w.Fatalf("%d requests for an account", n)
		}
		w.pay(order, status(sandbox.Ready), func(p *sandbox.Payment) {
			p.PayMethod, p.VbankNum, p.VbankDate = "vbank", "110", clock.now().Add(time.Hour).Unix()
		})
		clock.pass(3 * time.Minute)
		w.issued(order)
		if n := calls.Load(); n != 1 {
			w.Fatalf("%d requests for an account", n)
		}
	})
}

func TestALostRequestIsMadeAgainOnceItsLeaseIsOver(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.today()
		order := w.vbankOrder()
		losing(f, "/vbanks", false)
		_, err := w.IssueVirtualAccount(w.Context(), "minji", wants(order))
		w.wantCode(err, point.GatewayUnavailable)
		f.say(f.gateway.ServeHTTP)
		clock.pass(2*time.Minute - time.Microsecond)
		_, err = w.IssueVirtualAccount(w.Context(), "minji", wants(order))
		w.wantCode(err, point.GatewayUnavailable)
		w.wantCalls(issueRoute, 0)
		clock.pass(time.Microsecond)
		w.issued(order)
		w.wantCalls(issueRoute, 1)
	})
}

// TestARequestThatBeganTooLongAgoIsNotMade: its lease would not cover it.
func TestARequestThatBeganTooLongAgoIsNotMade(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.today()
		order := w.vbankOrder()
		f.say(func(rw http.ResponseWriter, r *http.Request) {
			clock.pass(31 * time.Second)
			f.gateway.ServeHTTP(rw, r)
		})
		_, err := w.IssueVirtualAccount(w.Context(), "minji", wants(order))
		w.wantCode(err, point.GatewayUnavailable)
		w.wantCalls(issueRoute, 0)
		f.say(f.gateway.ServeHTTP)
		w.issued(order)
	})
}

func TestARefusedAccountCanBeAskedForAgainAtOnce(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusOK, http.StatusBadRequest} {
		eachBehindFront(t, func(w *world, f *front) {
			order := w.vbankOrder()
			f.say(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/vbanks" {
					f.gateway.ServeHTTP(rw, r)
					return
				}
				rw.WriteHeader(status)
				_, _ = io.WriteString(rw, `{"code":1,"message":"가상계좌를 발급할 수 없는 은행입니다.","response":null}`)
			})
			_, err := w.IssueVirtualAccount(w.Context(), "minji", wants(order))
			w.wantCode(err, point.InvalidArgument)
			f.say(f.gateway.ServeHTTP)
			w.issued(order)
		})
	}
}

// TestF20AnAccountOfTheOtherModeIsNotOffered: the pretend gateway has test accounts only.
func TestF20AnAccountOfTheOtherModeIsNotOffered(t *testing.T) {
	t.Parallel()
	eachLive(t, func(w *world) {
		order := w.vbankOrder()
		_, err := w.IssueVirtualAccount(w.Context(), "minji", wants(order))
		w.wantCode(err, point.GatewayUnavailable)
		order = w.wantStatus(order, point.OrderPending)
		_, err = w.OrderAccount(w.Context(), order)
		w.wantCode(err, point.NotFound)
	})
}
