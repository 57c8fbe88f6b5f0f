package point_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

func (w *world) revoke(o point.Order) point.Order {
	w.Helper()
	now, err := w.RevokeVirtualAccount(w.Context(), o.UserID, o.MerchantUID, false)
	w.must(err)
	return now
}

func TestARevokedAccountIsShownToNobody(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.vbankOrder()
		impUID := w.issued(order)
		for range 2 {
			now := w.revoke(order)
			if now.Status != point.OrderPending || !now.ExpiresAt.Equal(order.ExpiresAt) {
				w.Fatalf("unexpected order %+v", now)
			}
		}
		w.wantCalls(revokeRoute, 1)
		_, err := w.OrderAccount(w.Context(), order)
		w.wantCode(err, point.NotFound)
		if err := w.gateway.Deposit(impUID, "5000"); err == nil {
			w.Fatal("it still takes deposits")
		}
		_, err = w.IssueVirtualAccount(w.Context(), "minji", wants(order))
		w.must(err)
		w.wantCalls(issueRoute, 2)
	})
}

func TestAnOverdueOrderExpiresWithItsAccount(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.today()
		order := w.vbankOrder()
		w.issued(order)
		clock.pass(time.Hour)
		if now := w.revoke(order); now.Status != point.OrderExpired {
			w.Fatalf("unexpected order %+v", now)
		}
	})
}

// TestADepositWinsOverARevocation that is on its way: it comes between our look and our request.
func TestADepositWinsOverARevocation(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		order := w.vbankOrder()
		impUID := w.issued(order)
		f.say(func(rw http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodDelete {
				w.must(w.gateway.Deposit(impUID, "5000"))
			}
			f.gateway.ServeHTTP(rw, r)
		})
		if now := w.revoke(order); now.Status != point.OrderPaid {
			w.Fatalf("unexpected order %+v", now)
		}
		w.wantBalance("minji", full)
	})
}

func TestADepositThatNobodyToldOfIsCreditedInsteadOfRevoked(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.vbankOrder()
		w.must(w.gateway.Deposit(w.issued(order), "5000"))
		if now := w.revoke(order); now.Status != point.OrderPaid {
			w.Fatalf("unexpected order %+v", now)
		}
		w.wantCalls(revokeRoute, 0)
	})
}

func TestADepositIntoARevokedAccountIsStillCredited(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.vbankOrder()
		impUID := w.issued(order)
		w.revoke(order)
		w.must(w.gateway.ForceDeposit(impUID, "5000"))
		w.sync(impUID)
		w.wantBalance("minji", full)
		w.wantStatus(order, point.OrderPaid)
	})
}

func TestOnlyTheOwnerAndAdminsRevoke(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.vbankOrder()
		w.issued(order)
		_, err := w.RevokeVirtualAccount(w.Context(), "junho", order.MerchantUID, false)
		w.wantCode(err, point.NotFound)
		_, err = w.RevokeVirtualAccount(w.Context(), "junho", "no/such", true)
		w.wantCode(err, point.InvalidArgument)
		w.wantCalls(revokeRoute, 0)
		now, err := w.RevokeVirtualAccount(w.Context(), "sora", order.MerchantUID, true)
		w.must(err)
		if now.Status != point.OrderPending {
			w.Fatalf("unexpected order %+v", now)
		}
	})
}

func TestEveryAccountOfAnOrderIsRevoked(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.vbankOrder()
		w.issued(order)
		w.pay(order, status(sandbox.Ready), func(p *sandbox.Payment) { p.PayMethod, p.VbankNum = "vbank", "110" })
		w.revoke(order)
		w.wantCalls(revokeRoute, 2)
		w.wantStatus(order, point.OrderPending)
	})
}

func TestARevocationWhoseAnswerWasLostIsFound(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		order := w.vbankOrder()
		w.issued(order)
		losing(f, "/vbanks", true)
		if now := w.revoke(order); now.Status != point.OrderPending {
			w.Fatalf("unexpected order %+v", now)
		}
	})
}

func TestALostOrRefusedRevocationLeavesTheAccountAsItWas(t *testing.T) {
	t.Parallel()
	for answer, code := range map[int]point.Code{http.StatusBadGateway: point.GatewayUnavailable, http.StatusBadRequest: point.InvalidArgument} {
		eachBehindFront(t, func(w *world, f *front) {
			order := w.vbankOrder()
			w.issued(order)
			f.say(func(rw http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodDelete {
					f.gateway.ServeHTTP(rw, r)
					return
				}
				rw.WriteHeader(answer)
				_, _ = fmt.Fprint(rw, `{"code":-1,"message":"말소할 수 없습니다.","response":null}`)
			})
			_, err := w.RevokeVirtualAccount(w.Context(), "minji", order.MerchantUID, false)
			w.wantCode(err, code)
			w.wantStatus(order, point.OrderWaitingDeposit)
			f.say(f.gateway.ServeHTTP)
			w.revoke(order)
			w.wantStatus(order, point.OrderPending)
		})
	}
}

// TestARevocationHoldsWhateverStatusTheGatewayGivesIt: which one that is is not documented. What is paid all the
// same counts.
func TestARevocationHoldsWhateverStatusTheGatewayGivesIt(t *testing.T) {
	t.Parallel()
	for _, after := range []point.PaymentStatus{point.Ready, point.Failed, point.Cancelled} {
		t.Run(string(after), func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				order := w.vbankOrder()
				ready := history(order)[0]
				deadline := time.Unix(4_000_000_000, 0).UTC()
				ready.VirtualAccount = point.VirtualAccount{Bank: "신한은행", Number: "110", DepositBy: &deadline}
				revoked, paid := ready, ready
				revoked.Status, paid.Status = after, point.Paid
				gateway := &told{answers: []point.Payment{ready}}
				w.Gateway = gateway
				w.sync("imp_1")
				w.wantStatus(order, point.OrderWaitingDeposit)
				gateway.answers = []point.Payment{ready}
				w.Gateway = answering{gateway, revoked}
				w.revoke(order)
				w.Gateway = gateway
				for _, answer := range []point.Payment{ready, revoked, ready} {
					gateway.answers = []point.Payment{answer}
					w.sync("imp_1")
					w.wantStatus(order, point.OrderPending)
				}
				gateway.answers = []point.Payment{paid}
				w.sync("imp_1")
				w.wantStatus(order, point.OrderPaid)
			})
		})
	}
}

// answering is a gateway whose revocations have one answer.
type answering struct {
	point.Gateway
	revoked point.Payment
}

func (g answering) RevokeVirtualAccount(context.Context, string) (point.Payment, error) {
	return g.revoked, nil
}
