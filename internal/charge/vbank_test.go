package charge_test

import (
	"encoding/json"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

func TestF8AVirtualAccountIsCreditedWhenTheDepositComes(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenOrder("minji")
		impUID := w.Pay(order, domaintest.WithStatus(sandbox.Ready), func(p *sandbox.Payment) {
			p.PayMethod, p.VbankName, p.VbankNum = "vbank", "신한은행", "110-123-456789"
		})
		_, err := w.Charge(w.Context(), "minji", impUID)
		w.WantCode(err, apierror.PaymentNotPaid)
		order, err = w.Order(w.Context(), "minji", order.MerchantUID)
		w.Must(err)
		account, err := w.OrderAccount(w.Context(), order)
		w.Must(err)
		if order.Status != charge.OrderWaitingDeposit || account.Number != "110-123-456789" {
			w.Fatalf("unexpected order %+v, account %+v", order, account)
		}
		w.EditPayment(impUID, domaintest.WithStatus(sandbox.Paid))
		for range 2 {
			_, err = w.Sync(w.Context(), domaintest.Webhook(), impUID)
			w.Must(err)
		}
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestAnAccountOfAnotherAmountIsShownToNobody(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenOrder("minji")
		account := func(number, amount string, due int64) func(*sandbox.Payment) {
			return func(p *sandbox.Payment) {
				p.Status, p.PayMethod, p.VbankNum, p.Amount, p.VbankDate = sandbox.Ready, "vbank", sandbox.Text(number), json.Number(amount), due
			}
		}
		wrong := w.Pay(order, account("111", "1", 4_100_000_000))
		_, err := w.Sync(w.Context(), domaintest.Webhook(), wrong)
		w.Must(err)
		_, err = w.OrderAccount(w.Context(), order)
		w.WantCode(err, apierror.NotFound)
		for i, number := range []string{"222", "333"} {
			_, err := w.Sync(w.Context(), domaintest.Webhook(), w.Pay(order, account(number, "5000", 4_000_000_000+int64(i))))
			w.Must(err)
		}
		latest, err := w.OrderAccount(w.Context(), order)
		w.Must(err)
		if latest.Number != "333" {
			w.Fatalf("shown is %+v", latest)
		}
	})
}
