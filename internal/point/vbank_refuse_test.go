package point_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

func TestNoAccountIsIssuedForWhatIsMalformed(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.vbankOrder()
		for name, edit := range map[string]func(*point.AccountInput){
			"no order":        func(in *point.AccountInput) { in.MerchantUID = "" },
			"a path":          func(in *point.AccountInput) { in.MerchantUID = "../x" },
			"no bank":         func(in *point.AccountInput) { in.Bank = "" },
			"a long bank":     func(in *point.AccountInput) { in.Bank = "123456789" },
			"a strange bank":  func(in *point.AccountInput) { in.Bank = "0 8" },
			"no holder":       func(in *point.AccountInput) { in.Holder = "" },
			"a long holder":   func(in *point.AccountInput) { in.Holder = strings.Repeat("가", 17) },
			"a broken holder": func(in *point.AccountInput) { in.Holder = "가\x00" },
			"no time":         func(in *point.AccountInput) { in.Hours = 0 },
			"too much time":   func(in *point.AccountInput) { in.Hours = 721 },
		} {
			in := wants(order)
			edit(&in)
			if _, err := w.IssueVirtualAccount(w.Context(), "minji", in); point.CodeOf(err) != point.InvalidArgument {
				w.Errorf("%s: %v", name, err)
			}
		}
		w.wantCalls(issueRoute, 0)
	})
}

func TestNoAccountIsIssuedForAnotherUsersOrder(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.vbankOrder()
		_, err := w.IssueVirtualAccount(w.Context(), "junho", wants(order))
		w.wantCode(err, point.NotFound)
		w.wantCalls(issueRoute, 0)
	})
}

func TestNoAccountIsIssuedForACardsOrder(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		_, err := w.IssueVirtualAccount(w.Context(), "minji", wants(w.order("minji")))
		w.wantCode(err, point.InvalidArgument)
		w.wantCalls(issueRoute, 0)
	})
}

func TestNoAccountIsIssuedForAPaidOrder(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.vbankOrder()
		w.pay(order) // and nobody has told us
		_, err := w.IssueVirtualAccount(w.Context(), "minji", wants(order))
		w.wantCode(err, point.PaymentAlreadyCharged)
		w.wantStatus(order, point.OrderPaid)
		_, err = w.IssueVirtualAccount(w.Context(), "minji", wants(order))
		if refusal, ok := errors.AsType[*point.Error](err); !ok || refusal.TransactionID == "" {
			w.Fatalf("it does not name the line: %v", err)
		}
		w.wantCalls(issueRoute, 0)
	})
}

func TestNoAccountIsIssuedForAnExpiredOrder(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.today()
		order := w.vbankOrder()
		clock.pass(time.Hour)
		_, err := w.IssueVirtualAccount(w.Context(), "minji", wants(order))
		w.wantCode(err, point.InvalidArgument)
		w.expireOrder(order)
		_, err = w.IssueVirtualAccount(w.Context(), "minji", wants(order))
		w.wantCode(err, point.InvalidArgument)
		w.wantCalls(issueRoute, 0)
	})
}

// expireOrder does what the job does with an overdue order.
func (w *world) expireOrder(o point.Order) {
	w.Helper()
	w.must(w.DB.Exec("UPDATE charge_orders SET status = 'EXPIRED' WHERE merchant_uid = ?", o.MerchantUID).Error)
}

func TestAnAccountOfAnExpiredOrderMakesItWaitAgain(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.today()
		order := w.vbankOrder()
		w.expireOrder(order)
		account := func(due time.Duration) string {
			return w.pay(order, status(sandbox.Ready), func(p *sandbox.Payment) {
				p.PayMethod, p.VbankNum, p.VbankDate = "vbank", "110", clock.now().Add(due).Unix()
			})
		}
		w.sync(account(-time.Second))
		w.wantStatus(order, point.OrderExpired)
		w.sync(account(time.Hour))
		if now := w.wantStatus(order, point.OrderWaitingDeposit); !now.ExpiresAt.Equal(clock.now().Add(time.Hour).Truncate(time.Second)) {
			w.Fatalf("it waits until %s", now.ExpiresAt)
		}
	})
}

// TestTheDeadlineIsThatOfTheLatestAccount in whatever order they become known.
func TestTheDeadlineIsThatOfTheLatestAccount(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.vbankOrder()
		for _, due := range []int64{4_000_000_000, 4_100_000_000, 4_050_000_000} {
			w.sync(w.pay(order, status(sandbox.Ready), func(p *sandbox.Payment) {
				p.PayMethod, p.VbankNum, p.VbankDate = "vbank", "110", due
			}))
		}
		if now := w.wantStatus(order, point.OrderWaitingDeposit); now.ExpiresAt.Unix() != 4_100_000_000 {
			w.Fatalf("it waits until %s", now.ExpiresAt)
		}
	})
}
