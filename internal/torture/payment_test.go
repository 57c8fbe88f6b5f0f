//go:build unix

package torture_test

import (
	"encoding/json"
	"time"

	"pointcharge/internal/sandbox"
)

// The ways to pay. Each returns the browser's imp_uids. The server must find all other payments
// without the browser.

// useWindow ends a payment window with the decision. It returns the imp_uid, or "" when the browser
// gets no answer.
func (s *shopper) useWindow(decision map[string]any) string {
	var opened struct{ Session string }
	asked := map[string]any{"user_code": "imp00000000", "flow": "overlay", "channel": "pc", "params": s.checkout}
	if err := s.client.post(s.ctx, s.gatewayURL+"/checkout", "", asked, &opened); err != nil || opened.Session == "" {
		return ""
	}
	s.pauseRandomly(200 * time.Millisecond)
	var ended struct {
		Rsp *struct {
			ImpUID string `json:"imp_uid"`
		}
	}
	err := s.client.post(s.ctx, s.gatewayURL+"/checkout/"+opened.Session+"/answer", "", decision, &ended)
	if err != nil || ended.Rsp == nil {
		return ""
	}
	return ended.Rsp.ImpUID
}

// randomButton returns the decision of a random person in the window.
func (s *shopper) randomButton() map[string]any {
	actions := []string{"pay", "pay", "pay", "pay", "pay_twice_told", "pay_untold", "pay_untold", "pay_silently", "fail", "close"}
	decision := map[string]any{"action": actions[s.random.IntN(len(actions))]}
	if s.chance(4) {
		decision["amount"] = s.offer.price + 1 + s.random.Int64N(5_000)
	}
	if s.chance(2) {
		decision["currency"] = "USD"
	}
	return decision
}

func (s *shopper) payInWindow() []string { return knownIDs(s.useWindow(s.randomButton())) }

// payInSecondWindow fails in one window and pays in another. The failed payment may be approved
// late.
func (s *shopper) payInSecondWindow() []string {
	failed := s.useWindow(map[string]any{"action": "fail"})
	paid := s.useWindow(s.randomButton())
	if failed != "" && s.chance(20) {
		_ = s.gateway.Pay(failed) // refused if it was paid
	}
	return knownIDs(failed, paid)
}

// createPayment creates a payment without a window. Its amount, currency or status may be wrong.
func (s *shopper) createPayment(merchantUID string) string {
	payment := map[string]any{"merchant_uid": merchantUID, "amount": s.offer.price, "webhook": s.chance(60)}
	switch s.random.IntN(20) {
	case 0:
		payment["amount"] = 1
	case 1:
		payment["currency"] = "USD"
	case 2:
		payment["status"] = sandbox.Failed
	case 3:
		payment["status"] = sandbox.Cancelled
	}
	var made struct {
		Response struct {
			ImpUID string `json:"imp_uid"`
		}
	}
	if err := s.client.post(s.ctx, s.gatewayURL+"/sandbox-payments", "", payment, &made); err != nil {
		return ""
	}
	return made.Response.ImpUID
}

func (s *shopper) payWithoutWindow() []string {
	impUID := s.createPayment(s.merchantUID)
	if s.chance(20) { // the browser was closed
		return nil
	}
	return knownIDs(impUID)
}

// payTwice pays one order with two payments.
func (s *shopper) payTwice() []string {
	return knownIDs(s.createPayment(s.merchantUID), s.createPayment(s.merchantUID))
}

// payUnknownOrder pays for an order that was never opened.
func (s *shopper) payUnknownOrder() []string {
	return knownIDs(s.createPayment("stray" + s.merchantUID[5:]))
}

// payWithBrokenHistory makes a payment whose cancelled amount differs from the history.
func (s *shopper) payWithBrokenHistory() []string {
	p := s.gateway.Put(sandbox.Payment{MerchantUID: s.merchantUID, Amount: sandbox.Won(s.offer.price), Sandbox: true,
		Status: sandbox.Cancelled, CancelAmount: "1000", CancelHistory: []sandbox.Cancellation{}})
	return knownIDs(p.ImpUID)
}

// payIntoAccount gets a virtual account from the window.
func (s *shopper) payIntoAccount() []string {
	impUID := s.useWindow(map[string]any{"action": "pay"})
	if impUID == "" {
		return nil
	}
	s.deposit(impUID)
	return knownIDs(impUID)
}

// payIntoIssuedAccount gets a virtual account from the API.
func (s *shopper) payIntoIssuedAccount() []string {
	input := map[string]any{"merchantUid": s.merchantUID, "bank": "004", "holder": "포인트차지", "hours": 24}
	s.callTwoServers(func(url string) string {
		_, code := s.client.callAPI(s.ctx, url, s.userToken(s.user), issueAccount, map[string]any{"i": input})
		return code
	})
	for _, p := range s.gateway.All() {
		if p.MerchantUID == s.merchantUID {
			s.deposit(p.ImpUID)
			return knownIDs(p.ImpUID)
		}
	}
	return nil
}

// deposit transfers the money: right, wrong, twice or never.
func (s *shopper) deposit(impUID string) {
	price := sandbox.Won(s.offer.price)
	deposits := []func(){
		func() {},
		func() { _ = s.gateway.Deposit(impUID, price) },
		func() { _ = s.gateway.Deposit(impUID, price) },
		func() { _ = s.gateway.Pay(impUID) },
		func() { _ = s.gateway.Pay(impUID) },
		func() { _ = s.gateway.ForceDeposit(impUID, sandbox.Won(s.offer.price-1)) },
		func() { s.depositTwice(impUID, price) },
	}
	deposits[s.random.IntN(len(deposits))]()
}

func (s *shopper) depositTwice(impUID string, amount json.Number) {
	_ = s.gateway.ForceDeposit(impUID, amount)
	s.pauseRandomly(time.Second)
	_ = s.gateway.ForceDeposit(impUID, amount)
}

func knownIDs(impUIDs ...string) (known []string) {
	for _, id := range impUIDs {
		if id != "" {
			known = append(known, id)
		}
	}
	return known
}
