package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"pointcharge/internal/apierror"
)

const (
	readDebt    = `{ viewer { id balance spendable debt } }`
	spendPoints = `mutation($r: ID!) { spendPoints(input: {userId: "minji", amount: %d, reference: $r}) { id kind amount balanceAfter
		sources { amount lot { transaction { kind impUid } } } } }`
	cancelSpend = `mutation($r: ID!) { cancelSpend(input: {userId: "minji", amount: %d, reference: $r, cancellation: "return-1"}) {
		id kind amount balanceAfter } }`
	quoteRefund  = `query($t: ID!) { refundQuote(transactionId: $t) { amount points } }`
	cancelCharge = `mutation($t: ID!) { cancelPointTransaction(input: {transactionId: $t, amount: %d, reference: "refund-1", reason: "변심"}) {
		id status } }`
)

// cancelAtIamport takes a payment back as a person at Iamport's console does, over its REST
// interface, with the webhook.
func (s *visitor) cancelAtIamport(impUID string, won int64) {
	s.Helper()
	var token struct {
		Response struct {
			AccessToken string `json:"access_token"`
		}
	}
	s.postJSON(s.url+"/sandbox/users/getToken", map[string]string{"imp_key": "sandbox-key", "imp_secret": "sandbox-secret"}, &token)
	a := s.send(http.MethodPost, s.url+"/sandbox/payments/cancel",
		fmt.Sprintf(`{"imp_uid": %q, "amount": %d, "reason": "관리자 취소", "enable_webhook": true}`, impUID, won),
		"Authorization", token.Response.AccessToken)
	if a.status != http.StatusOK {
		s.Fatalf("%d %s", a.status, a.text)
	}
}

func (s *visitor) wantWallet(balance, spendable, debt int64) {
	s.Helper()
	v := s.ask(s.token, readDebt).Data.Viewer
	if v.Balance != balance || v.Spendable != spendable || v.Debt != debt {
		s.Errorf("balance %d, spendable %d, debt %d; want %d, %d, %d", v.Balance, v.Spendable, v.Debt, balance, spendable, debt)
	}
}

// chargePaid buys a product and returns its order, with the line.
func (s *visitor) chargePaid(product string, won int64) order {
	s.Helper()
	o := s.buy(s.token, product)
	s.wantCode(s.charge(s.token, s.pay(o.MerchantUID, won)), "")
	return s.readOrder(s.token, o.MerchantUID)
}

// TestTheLedgersWholeLife charges, spends, cancels a part of the spend, refunds another charge, and
// cancels the first payment at Iamport after the points are spent. The books are audited when the
// server has stopped.
func TestTheLedgersWholeLife(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		service := s.tokenFor("orders", "-role", "service")
		first, second := s.chargePaid("points-5000", 5_000), s.chargePaid("points-10000", 10_000) // with 100 on top
		s.wantWallet(15_100, 15_100, 0)
		spent := s.ask(service, fmt.Sprintf(spendPoints, 4_000), "r", "order-1").Data.SpendPoints
		if len(spent.Sources) != 2 || spent.BalanceAfter != 11_100 {
			t.Errorf("unexpected spend: %+v", spent)
		}
		back := s.ask(service, fmt.Sprintf(cancelSpend, 1_000), "r", "order-1").Data.CancelSpend
		if back.Kind != "SPEND_CANCEL" || back.BalanceAfter != 12_100 {
			t.Errorf("unexpected cancellation: %+v", back)
		}
		s.refundsOnce(s.chargePaid("points-30000", 30_000))
		s.wantWallet(12_100, 12_100, 0)
		s.cancelAtIamport(second.Transaction.ImpUID, 10_000)
		s.awaitStatus(s.token, second.MerchantUID, "CANCELLED")
		s.wantWallet(2_000, 2_000, 0) // the bonus that was spent is paid from the other charge
		s.cancelAtIamport(first.Transaction.ImpUID, 5_000)
		s.awaitStatus(s.token, first.MerchantUID, "CANCELLED")
		s.wantWallet(-3_000, 0, 3_000)
		s.wantCode(s.ask(service, fmt.Sprintf(spendPoints, 1), "r", "order-2"), apierror.InsufficientPoints)
		s.chargePaid("points-5000", 5_000)
		s.wantWallet(2_000, 2_000, 0)
	})
}

// refundsOnce gives a whole charge back, by a double click of its owner.
func (s *visitor) refundsOnce(o order) {
	s.Helper()
	line := o.Transaction.ID
	if q := s.ask(s.token, quoteRefund, "t", line).Data.RefundQuote; q.Amount != 30_000 || q.Points != 30_900 {
		s.Errorf("unexpected quote: %+v", q)
	}
	clicks := []reply{s.ask(s.token, fmt.Sprintf(cancelCharge, 30_000), "t", line), s.ask(s.token, fmt.Sprintf(cancelCharge, 30_000), "t", line)}
	if a, b := clicks[0].Data.CancelPointTransaction, clicks[1].Data.CancelPointTransaction; a.Status != "DONE" || a != b {
		s.Errorf("unexpected refunds: %s %s", clicks[0].text, clicks[1].text)
	}
	if o = s.readOrder(s.token, o.MerchantUID); o.Status != "CANCELLED" {
		s.Errorf("the order is %s", o.Status)
	}
}

// TestAConsoleCancelInPartsIsTakenBackOnce also when its webhook is lost and the payment is synced
// by hand.
func TestAConsoleCancelInPartsIsTakenBackOnce(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		o := s.chargePaid("points-10000", 10_000)
		s.cancelAtIamport(o.Transaction.ImpUID, 3_000)
		s.awaitStatus(s.token, o.MerchantUID, "PARTIALLY_CANCELLED")
		s.wantWallet(7_070, 7_070, 0)
		env := s.env.with(environment{"IAMPORT_URL": s.url + "/sandbox"})
		if _, err := finish(t, env, "sync", o.Transaction.ImpUID); err != nil {
			t.Error(err)
		}
		s.wantWallet(7_070, 7_070, 0)
		s.cancelAtIamport(o.Transaction.ImpUID, 7_000)
		s.awaitStatus(s.token, o.MerchantUID, "CANCELLED")
		s.wantWallet(0, 0, 0)
	})
}
