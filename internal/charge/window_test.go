package charge_test

import (
	"strings"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

func TestP2OnlyOfferedWaysToPayOpenOrders(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.PayMethods = []charge.PayMethod{charge.PayByNaverPay, charge.PayByCard}
		if got := w.OfferedPayMethods(); len(got) != 2 || got[0] != charge.PayByCard {
			w.Fatalf("offered are %v", got)
		}
		w.OpenOrder("minji")
		_, err := w.Open(w.Context(), "minji", domaintest.Product().ID, charge.PayByPhone)
		w.WantCode(err, apierror.InvalidArgument)
		if apierror.ReasonOf(err) != charge.PayMethodUnavailable {
			w.Errorf("refused with %v", err)
		}
		cheap := charge.Product{ID: "cheap", Name: "99원", Price: 99, Points: 99, Active: true}
		_, err = w.UpsertProduct(w.Context(), cheap)
		w.Must(err)
		_, err = w.Open(w.Context(), "minji", "cheap", charge.PayByNaverPay)
		if apierror.ReasonOf(err) != charge.PriceBelowMinimum {
			w.Errorf("refused with %v", err)
		}
	})
}

func TestPAProductsNameSuitsEveryProvider(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for name, good := range map[string]bool{"포인트 5,000 (+10%)": true, "A & B": false, "<b>": false, `"5000"`: false, "it's": false, "5000 😀": false, "★": false} {
			p := domaintest.Product()
			p.Name = name
			if _, err := w.UpsertProduct(w.Context(), p); (err == nil) != good {
				w.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestP5TheLatestFailureIsOnTheOrder(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenOrder("minji")
		fail := func(reason sandbox.Text, at int64) string {
			impUID := w.Pay(order, func(p *sandbox.Payment) { p.Status, p.FailReason, p.FailedAt = sandbox.Failed, reason, at })
			return impUID
		}
		late, early := fail("[한도초과]\n\u202e결제 \x07실패", 2000), fail("비밀번호 오류", 1000)
		w.MustSync(late)
		w.MustSync(early)
		order, err := w.Order(w.Context(), "minji", order.MerchantUID)
		w.Must(err)
		const want = "[한도초과] 결제 실패"
		if order.FailReason != want || !order.FailedAt.Equal(time.Unix(2000, 0)) {
			w.Fatalf("it failed for %q at %v", order.FailReason, order.FailedAt)
		}
		got, err := w.PaymentOfOrder(w.Context(), "minji", order.MerchantUID)
		w.Must(err)
		if got.ImpUID != late || got.FailReason != want || got.Status != charge.Failed {
			w.Fatalf("unexpected payment %+v", got)
		}
		_, err = w.PaymentOfOrder(w.Context(), "junho", order.MerchantUID)
		w.WantCode(err, apierror.NotFound)
		paid := w.Pay(order)
		w.MustSync(paid)
		if got, _ = w.PaymentOfOrder(w.Context(), "minji", order.MerchantUID); got.ImpUID != paid || got.PaidAt == nil || got.Problem != "" {
			w.Fatalf("unexpected payment %+v", got)
		}
	})
}

// TestD15ARefusedRegistrationSaysSo: to try again does not help, and an operator sees the
// gateway's words.
func TestD15ARefusedRegistrationSaysSo(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Suffer("refused=1@POST /payments/prepare")
		_, err := w.Open(w.Context(), "minji", domaintest.Product().ID, charge.PayByCard)
		w.WantCode(err, apierror.GatewayUnavailable)
		if apierror.ReasonOf(err) != charge.ReasonGatewayRefused || !strings.Contains(err.Error(), "message \"") {
			w.Errorf("refused with %v", err)
		}
	})
}

func TestReadersOfManyAnswerAsThoseOfOne(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		line := w.Charged()
		account := w.OpenAccountOrder()
		w.IssueAccount(account)
		given := w.Give(100, "a-1")
		orders, err := w.OrdersByMerchantUID(w.Context(), []string{*line.Reference, account.MerchantUID, "none"})
		w.Must(err)
		products, err := w.ProductsByID(w.Context(), []string{domaintest.Product().ID, "none"})
		w.Must(err)
		ofLines, err := w.OrdersOfLines(w.Context(), []point.Transaction{line, given})
		w.Must(err)
		all := []charge.Order{orders[*line.Reference], orders[account.MerchantUID]}
		lines, err := w.ChargeLinesOfOrders(w.Context(), all)
		w.Must(err)
		accounts, err := w.AccountsOfOrders(w.Context(), all)
		w.Must(err)
		one, err := w.OrderAccount(w.Context(), all[1])
		w.Must(err)
		if len(orders) != 2 || len(products) != 1 || len(ofLines) != 1 || ofLines[line.ID].MerchantUID != *line.Reference ||
			len(lines) != 1 || lines[*line.Reference].ID != line.ID || len(accounts) != 1 || accounts[account.MerchantUID].Number != one.Number {
			w.Fatalf("got %v, %v, %v, %v, %v", orders, products, ofLines, lines, accounts)
		}
	})
}
