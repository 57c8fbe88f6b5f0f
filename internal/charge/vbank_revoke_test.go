package charge_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

func (w *world) revoke(o charge.Order) charge.Order {
	w.Helper()
	now, err := w.RevokeVirtualAccount(w.Context(), point.Actor{Kind: point.ActorUser, ID: o.UserID}, o.MerchantUID)
	w.Must(err)
	return now
}

func TestARevokedAccountIsShownToNobody(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenAccountOrder()
		impUID := w.IssueAccount(order)
		for range 2 {
			now := w.revoke(order)
			if now.Status != charge.OrderPending || !now.ExpiresAt.Equal(order.ExpiresAt) {
				w.Fatalf("unexpected order %+v", now)
			}
		}
		w.wantCalls(revokeRoute, 1)
		_, err := w.OrderAccount(w.Context(), order)
		w.WantCode(err, apierror.NotFound)
		if err := w.Sandbox.Deposit(impUID, "5000"); err == nil {
			w.Fatal("it still takes deposits")
		}
		_, err = w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(order))
		w.Must(err)
		w.wantCalls(issueRoute, 2)
	})
}

func TestAnOverdueOrderExpiresWithItsAccount(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StartToday()
		order := w.OpenAccountOrder()
		w.IssueAccount(order)
		clock.Pass(time.Hour)
		if now := w.revoke(order); now.Status != charge.OrderExpired {
			w.Fatalf("unexpected order %+v", now)
		}
	})
}

// TestADepositWinsOverARevocation that is on its way: it comes between our look and our request.
func TestADepositWinsOverARevocation(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		order := w.OpenAccountOrder()
		impUID := w.IssueAccount(order)
		f.Say(func(rw http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodDelete {
				w.Must(w.Sandbox.Deposit(impUID, "5000"))
			}
			f.Sandbox.ServeHTTP(rw, r)
		})
		if now := w.revoke(order); now.Status != charge.OrderPaid {
			w.Fatalf("unexpected order %+v", now)
		}
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestADepositThatNobodyToldOfIsCreditedInsteadOfRevoked(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenAccountOrder()
		w.Must(w.Sandbox.Deposit(w.IssueAccount(order), "5000"))
		if now := w.revoke(order); now.Status != charge.OrderPaid {
			w.Fatalf("unexpected order %+v", now)
		}
		w.wantCalls(revokeRoute, 0)
	})
}

func TestADepositIntoARevokedAccountIsStillCredited(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenAccountOrder()
		impUID := w.IssueAccount(order)
		w.revoke(order)
		w.Must(w.Sandbox.ForceDeposit(impUID, "5000"))
		w.MustSync(impUID)
		w.WantBalance("minji", domaintest.Full)
		w.wantStatus(order, charge.OrderPaid)
	})
}

func TestOnlyTheOwnerAndAdminsRevoke(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenAccountOrder()
		w.IssueAccount(order)
		_, err := w.RevokeVirtualAccount(w.Context(), point.Actor{Kind: point.ActorUser, ID: "junho"}, order.MerchantUID)
		w.WantCode(err, apierror.NotFound)
		_, err = w.RevokeVirtualAccount(w.Context(), domaintest.Sora(), "no/such")
		w.WantCode(err, apierror.InvalidArgument)
		w.wantCalls(revokeRoute, 0)
		now, err := w.RevokeVirtualAccount(w.Context(), domaintest.Sora(), order.MerchantUID)
		w.Must(err)
		if now.Status != charge.OrderPending {
			w.Fatalf("unexpected order %+v", now)
		}
	})
}

func TestEveryAccountOfAnOrderIsRevoked(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenAccountOrder()
		w.IssueAccount(order)
		w.Pay(order, domaintest.WithStatus(sandbox.Ready), func(p *sandbox.Payment) { p.PayMethod, p.VbankNum = "vbank", "110" })
		w.revoke(order)
		w.wantCalls(revokeRoute, 2)
		w.wantStatus(order, charge.OrderPending)
	})
}

func TestARevocationWhoseAnswerWasLostIsFound(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		order := w.OpenAccountOrder()
		w.IssueAccount(order)
		losing(f, "/vbanks", true)
		if now := w.revoke(order); now.Status != charge.OrderPending {
			w.Fatalf("unexpected order %+v", now)
		}
	})
}

func TestALostOrRefusedRevocationLeavesTheAccountAsItWas(t *testing.T) {
	t.Parallel()
	for answer, code := range map[int]apierror.Code{http.StatusBadGateway: apierror.GatewayUnavailable, http.StatusBadRequest: apierror.InvalidArgument} {
		eachBehindFront(t, func(w *world, f *domaintest.Front) {
			order := w.OpenAccountOrder()
			w.IssueAccount(order)
			f.Say(func(rw http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodDelete {
					f.Sandbox.ServeHTTP(rw, r)
					return
				}
				rw.WriteHeader(answer)
				_, _ = fmt.Fprint(rw, `{"code":-1,"message":"말소할 수 없습니다.","response":null}`)
			})
			_, err := w.RevokeVirtualAccount(w.Context(), point.Actor{Kind: point.ActorUser, ID: "minji"}, order.MerchantUID)
			w.WantCode(err, code)
			w.wantStatus(order, charge.OrderWaitingDeposit)
			f.Say(f.Sandbox.ServeHTTP)
			w.revoke(order)
			w.wantStatus(order, charge.OrderPending)
		})
	}
}

// TestARevocationHoldsWhateverStatusTheGatewayGivesIt: which one that is is not documented. What
// is paid all the same counts.
func TestARevocationHoldsWhateverStatusTheGatewayGivesIt(t *testing.T) {
	t.Parallel()
	for _, after := range []charge.PaymentStatus{charge.Ready, charge.Failed, charge.Cancelled} {
		t.Run(string(after), func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				order := w.OpenAccountOrder()
				ready := domaintest.PaymentHistory(order)[0]
				deadline := time.Unix(4_000_000_000, 0).UTC()
				ready.VirtualAccount = charge.VirtualAccount{Bank: "신한은행", Number: "110", DepositBy: &deadline}
				revoked, paid := ready, ready
				revoked.Status, paid.Status = after, charge.Paid
				gateway := &told{answers: []charge.Payment{ready}}
				w.Gateway = gateway
				w.MustSync("imp_1")
				w.wantStatus(order, charge.OrderWaitingDeposit)
				gateway.answers = []charge.Payment{ready}
				w.Gateway = answering{gateway, revoked}
				w.revoke(order)
				w.Gateway = gateway
				for _, answer := range []charge.Payment{ready, revoked, ready} {
					gateway.answers = []charge.Payment{answer}
					w.MustSync("imp_1")
					w.wantStatus(order, charge.OrderPending)
				}
				gateway.answers = []charge.Payment{paid}
				w.MustSync("imp_1")
				w.wantStatus(order, charge.OrderPaid)
			})
		})
	}
}

// answering is a gateway whose revocations have one answer.
type answering struct {
	charge.Gateway
	revoked charge.Payment
}

func (g answering) RevokeVirtualAccount(context.Context, string) (charge.Payment, error) {
	return g.revoked, nil
}
