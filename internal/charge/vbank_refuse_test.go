package charge_test

import (
	"strings"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

func TestNoAccountIsIssuedForWhatIsMalformed(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenAccountOrder()
		for name, edit := range map[string]func(*charge.AccountInput){
			"no order":        func(in *charge.AccountInput) { in.MerchantUID = "" },
			"a path":          func(in *charge.AccountInput) { in.MerchantUID = "../x" },
			"no bank":         func(in *charge.AccountInput) { in.Bank = "" },
			"a long bank":     func(in *charge.AccountInput) { in.Bank = "123456789" },
			"a strange bank":  func(in *charge.AccountInput) { in.Bank = "0 8" },
			"no holder":       func(in *charge.AccountInput) { in.Holder = "" },
			"a long holder":   func(in *charge.AccountInput) { in.Holder = strings.Repeat("가", 17) },
			"a broken holder": func(in *charge.AccountInput) { in.Holder = "가\x00" },
			"no time":         func(in *charge.AccountInput) { in.Hours = 0 },
			"too much time":   func(in *charge.AccountInput) { in.Hours = 721 },
		} {
			in := domaintest.AccountFor(order)
			edit(&in)
			if _, err := w.IssueVirtualAccount(w.Context(), "minji", in); apierror.CodeOf(err) != apierror.InvalidArgument {
				w.Errorf("%s: %v", name, err)
			}
		}
		w.wantCalls(issueRoute, 0)
	})
}

func TestNoAccountIsIssuedForAnotherUsersOrder(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenAccountOrder()
		_, err := w.IssueVirtualAccount(w.Context(), "junho", domaintest.AccountFor(order))
		w.WantCode(err, apierror.NotFound)
		w.wantCalls(issueRoute, 0)
	})
}

func TestNoAccountIsIssuedForACardsOrder(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		_, err := w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(w.OpenOrder("minji")))
		w.WantCode(err, apierror.InvalidArgument)
		w.wantCalls(issueRoute, 0)
	})
}

func TestNoAccountIsIssuedForAPaidOrder(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenAccountOrder()
		w.Pay(order) // and nobody has told us
		_, err := w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(order))
		w.WantCode(err, apierror.PaymentAlreadyCharged)
		w.wantStatus(order, charge.OrderPaid)
		_, err = w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(order))
		if id, _ := apierror.Param[string](err, apierror.ParamTransactionID); id == "" {
			w.Fatalf("it does not name the line: %v", err)
		}
		w.wantCalls(issueRoute, 0)
	})
}

func TestNoAccountIsIssuedForAnExpiredOrder(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StartToday()
		order := w.OpenAccountOrder()
		clock.Pass(time.Hour)
		_, err := w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(order))
		w.WantCode(err, apierror.InvalidArgument)
		w.expireOrder(order)
		_, err = w.IssueVirtualAccount(w.Context(), "minji", domaintest.AccountFor(order))
		w.WantCode(err, apierror.InvalidArgument)
		w.wantCalls(issueRoute, 0)
	})
}

// expireOrder does what the job does with an overdue order.
func (w *world) expireOrder(o charge.Order) {
	w.Helper()
	w.Must(w.DB.Exec("UPDATE charge_orders SET status = 'EXPIRED' WHERE merchant_uid = ?", o.MerchantUID).Error)
}

func TestAnAccountOfAnExpiredOrderMakesItWaitAgain(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StartToday()
		order := w.OpenAccountOrder()
		w.expireOrder(order)
		account := func(due time.Duration) string {
			return w.Pay(order, domaintest.WithStatus(sandbox.Ready), func(p *sandbox.Payment) {
				p.PayMethod, p.VbankNum, p.VbankDate = "vbank", "110", clock.Now().Add(due).Unix()
			})
		}
		w.MustSync(account(-time.Second))
		w.wantStatus(order, charge.OrderExpired)
		w.MustSync(account(time.Hour))
		if now := w.wantStatus(order, charge.OrderWaitingDeposit); !now.ExpiresAt.Equal(clock.Now().Add(time.Hour).Truncate(time.Second)) {
			w.Fatalf("it waits until %s", now.ExpiresAt)
		}
	})
}

// TestTheDeadlineIsThatOfTheLatestAccount in whatever order they become known.
func TestTheDeadlineIsThatOfTheLatestAccount(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenAccountOrder()
		for _, due := range []int64{4_000_000_000, 4_100_000_000, 4_050_000_000} {
			w.MustSync(w.Pay(order, domaintest.WithStatus(sandbox.Ready), func(p *sandbox.Payment) {
				p.PayMethod, p.VbankNum, p.VbankDate = "vbank", "110", due
			}))
		}
		if now := w.wantStatus(order, charge.OrderWaitingDeposit); now.ExpiresAt.Unix() != 4_100_000_000 {
			w.Fatalf("it waits until %s", now.ExpiresAt)
		}
	})
}
