package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pointcharge/internal/apierror"
)

func TestAChargeFromTheClickToThePoints(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		o := s.buy(s.token, "points-10000")
		impUID := s.pay(o.MerchantUID, 10_000)
		r := s.charge(s.token, impUID)
		s.wantCode(r, "")
		if l := r.Data.CreatePointTransaction; l.Kind != "CHARGE" || l.Amount != 10_000 || l.ImpUID != impUID || l.Order.Status != "PAID" {
			t.Errorf("unexpected line: %s", r.text)
		}
		history := s.ask(s.token, readWallet).Data.Viewer
		if edges := history.PointTransactions.Edges; history.ID != "minji" || history.Balance != 10_100 || len(edges) != 2 ||
			edges[0].Node.Kind != "BONUS" || edges[1].Node.ID != r.Data.CreatePointTransaction.ID {
			t.Errorf("unexpected history: %+v", history)
		}
		if o = s.readOrder(s.token, o.MerchantUID); o.Status != "PAID" || o.Transaction.ID != r.Data.CreatePointTransaction.ID {
			t.Errorf("unexpected order: %+v", o)
		}
	})
}

func TestF3F35ARepeatedChargeNamesTheLine(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		impUID := s.pay(s.buy(s.token, "points-5000").MerchantUID, 5_000)
		first := s.charge(s.token, impUID).Data.CreatePointTransaction.ID
		for range 2 {
			r := s.charge(s.token, impUID)
			if s.wantCode(r, apierror.PaymentAlreadyCharged); r.Errors[0].Extensions.TransactionID != first {
				t.Errorf("it names another line than %s: %s", first, r.text)
			}
		}
		s.wantBalance(s.token, 5_000)
	})
}

// window is a payment window that a browser has opened.
type window struct{ sandbox, session string }

// outcome is the payment window's message to the opening page.
type outcome struct {
	Rsp *struct {
		ImpUID  string `json:"imp_uid"`
		Success bool
	}
	Redirect string
}

// openWindow does what IMP.request_pay does with the checkout, as changed.
func (s *visitor) openWindow(o order, flow string, changed map[string]any) window {
	s.Helper()
	params := map[string]any{}
	for name, value := range o.Checkout {
		params[name] = value
	}
	for name, value := range changed {
		params[name] = value
	}
	w := window{sandbox: strings.TrimSuffix(o.Checkout["sdkUrl"].(string), "/iamport.js")}
	var opened struct{ Session string }
	a := s.postJSON(w.sandbox+"/checkout", map[string]any{"user_code": o.Checkout["userCode"], "flow": flow, "channel": "mobile",
		"params": params}, &opened)
	if w.session = opened.Session; a.status != http.StatusCreated {
		s.Fatalf("the window did not open: %s", a.text)
	}
	return w
}

func (s *visitor) answerWindow(w window, decision map[string]any) outcome {
	s.Helper()
	var ended outcome
	s.postJSON(w.sandbox+"/checkout/"+w.session+"/answer", decision, &ended)
	return ended
}

func TestF31PaymentsThatTheWebhookReportsAreCreditedOnce(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		for i, action := range []string{"pay", "pay_silently", "pay_twice_told"} {
			o := s.buy(s.token, "points-5000")
			ended := s.answerWindow(s.openWindow(o, "overlay", nil), map[string]any{"action": action})
			credited := s.awaitStatus(s.token, o.MerchantUID, "PAID")
			if credited.Transaction == nil || (ended.Rsp == nil) != (action == "pay_silently") {
				t.Fatalf("%s: order %+v, outcome %+v", action, credited, ended)
			}
			r := s.charge(s.token, credited.Transaction.ImpUID) // the first of its owner, also after the webhook (F2)
			if s.wantCode(r, ""); r.Data.CreatePointTransaction.ID != credited.Transaction.ID {
				t.Errorf("%s: another line than the webhook's: %s", action, r.text)
			}
			s.wantBalance(s.token, 5_000*int64(i+1))
		}
	})
}

func TestF37TheBrowserAloneCreditsWhenTheWebhookIsLost(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		o := s.buy(s.token, "points-5000")
		ended := s.answerWindow(s.openWindow(o, "overlay", nil), map[string]any{"action": "pay_untold"})
		if status := s.readOrder(s.token, o.MerchantUID).Status; status != "PENDING" {
			t.Errorf("nobody told, and yet the order is %s", status)
		}
		s.wantCode(s.charge(s.token, ended.Rsp.ImpUID), "")
		s.wantBalance(s.token, 5_000)
	})
}

func TestWindowsThatDoNotPayGiveNothing(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		for _, action := range []string{"fail", "close"} {
			o := s.buy(s.token, "points-5000")
			ended := s.answerWindow(s.openWindow(o, "overlay", nil), map[string]any{"action": action})
			s.wantCode(s.charge(s.token, ended.Rsp.ImpUID), apierror.PaymentNotPaid)
			if status := s.readOrder(s.token, o.MerchantUID).Status; status != "PENDING" {
				t.Errorf("%s: the order is %s", action, status)
			}
		}
		s.wantBalance(s.token, 0)
	})
}

func TestF24OtherAmountsAndCurrenciesGiveNothing(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		for _, decision := range []map[string]any{
			{"action": "pay", "amount": 1}, {"action": "pay", "amount": 5_001}, {"action": "pay", "currency": "USD"},
		} {
			o := s.buy(s.token, "points-5000")
			ended := s.answerWindow(s.openWindow(o, "overlay", nil), decision)
			s.wantCode(s.charge(s.token, ended.Rsp.ImpUID), apierror.PaymentMismatch)
			if o = s.readOrder(s.token, o.MerchantUID); o.Status != "PENDING" || o.Transaction != nil {
				t.Errorf("%v: the order is %+v", decision, o)
			}
		}
		s.wantBalance(s.token, 0)
	})
}

func TestTheWindowTakesNoOtherAmountThanWasRegistered(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		o := s.buy(s.token, "points-5000")
		o.Checkout["amount"] = 1
		a := s.postJSON(s.url+"/sandbox/checkout", map[string]any{"user_code": o.Checkout["userCode"], "params": o.Checkout}, nil)
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.text, "SANDBOX_PREPARE") {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
}

// TestThePhonesBrowserLandsOnTheFrontEnd follows the redirect flow: the window is a page of its
// own, and leads back through the server to the front end.
func TestThePhonesBrowserLandsOnTheFrontEnd(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, database string) {
		s := openShop(t, sandboxOn(database).with(environment{"FRONTEND_URL": "https://shop.example/wallet"}))
		for action, want := range map[string]url.Values{"pay_untold": {"status": {"paid"}}, "fail": {"status": {"failed"}, "reason": {"LIMIT_EXCEEDED"}}} {
			o := s.buy(s.token, "points-5000")
			ended := s.answerWindow(s.openWindow(o, "redirect", nil), map[string]any{"action": action})
			landed := s.send(http.MethodGet, ended.Redirect, "")
			want.Set("merchantUid", o.MerchantUID)
			to := "https://shop.example/wallet?" + want.Encode()
			if landed.status != http.StatusSeeOther || landed.header.Get("Location") != to {
				t.Errorf("%s: %d, to %s, want %s", action, landed.status, landed.header.Get("Location"), to)
			}
		}
		s.wantBalance(s.token, 5_000)
	})
}

// TestF8AVirtualAccountIsCreditedWithItsDeposit pays days after the window was closed.
func TestF8AVirtualAccountIsCreditedWithItsDeposit(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		o := s.buy(s.token, "points-5000")
		ended := s.answerWindow(s.openWindow(o, "overlay", map[string]any{"pay_method": "vbank"}), map[string]any{"action": "pay"})
		waiting := s.awaitStatus(s.token, o.MerchantUID, "WAITING_DEPOSIT")
		if waiting.VirtualAccount == nil || waiting.VirtualAccount.Number == "" || !ended.Rsp.Success {
			t.Fatalf("order %+v, outcome %+v", waiting, ended.Rsp)
		}
		s.wantCode(s.charge(s.token, ended.Rsp.ImpUID), apierror.PaymentNotPaid)
		s.wantBalance(s.token, 0)
		s.postJSON(s.url+"/sandbox/sandbox-payments/"+ended.Rsp.ImpUID+"/pay", nil, nil)
		s.awaitStatus(s.token, o.MerchantUID, "PAID")
		s.wantBalance(s.token, 5_000)
	})
}
