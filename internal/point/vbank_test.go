package point_test

import (
	"encoding/json"
	"testing"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

func TestF8AVirtualAccountIsCreditedWhenTheDepositComes(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.order("minji")
		impUID := w.pay(order, status(sandbox.Ready), func(p *sandbox.Payment) {
			p.PayMethod, p.VbankName, p.VbankNum = "vbank", "신한은행", "110-123-456789"
		})
		_, err := w.Charge(w.Context(), "minji", impUID)
		w.wantCode(err, point.PaymentNotPaid)
		order, err = w.Order(w.Context(), "minji", order.MerchantUID)
		w.must(err)
		account, err := w.OrderAccount(w.Context(), order)
		w.must(err)
		if order.Status != point.OrderWaitingDeposit || account.Number != "110-123-456789" {
			w.Fatalf("unexpected order %+v, account %+v", order, account)
		}
		w.edit(impUID, status(sandbox.Paid))
		for range 2 {
			_, err = w.Sync(w.Context(), impUID)
			w.must(err)
		}
		w.wantBalance("minji", full)
	})
}

func TestAnAccountOfAnotherAmountIsShownToNobody(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.order("minji")
		account := func(number, amount string, due int64) func(*sandbox.Payment) {
			return func(p *sandbox.Payment) {
				p.Status, p.PayMethod, p.VbankNum, p.Amount, p.VbankDate = sandbox.Ready, "vbank", sandbox.Text(number), json.Number(amount), due
			}
		}
		wrong := w.pay(order, account("111", "1", 4_100_000_000))
		_, err := w.Sync(w.Context(), wrong)
		w.must(err)
		_, err = w.OrderAccount(w.Context(), order)
		w.wantCode(err, point.NotFound)
		for i, number := range []string{"222", "333"} {
			_, err := w.Sync(w.Context(), w.pay(order, account(number, "5000", 4_000_000_000+int64(i))))
			w.must(err)
		}
		latest, err := w.OrderAccount(w.Context(), order)
		w.must(err)
		if latest.Number != "333" {
			w.Fatalf("shown is %+v", latest)
		}
	})
}
