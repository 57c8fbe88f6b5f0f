package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"pointcharge/internal/apierror"
)

const (
	openVbank   = `mutation($p: ID!) { createChargeOrder(productId: $p, payMethod: VIRTUAL_ACCOUNT) { merchantUid status checkout { sdkUrl userCode channelKey } } }`
	vbankFields = `merchantUid status expiresAt virtualAccount { bank number holder depositBy }`
	issueVbank  = `mutation($m: ID!) { issueVirtualAccount(input: {merchantUid: $m, bank: "088", holder: "포인트차지"}) { ` + vbankFields + ` } }`
	revokeVbank = `mutation($m: ID!) { revokeVirtualAccount(merchantUid: $m) { ` + vbankFields + ` } }`
)

// vbankReply is the answer to either mutation.
type vbankReply struct {
	Data struct{ IssueVirtualAccount, RevokeVirtualAccount vbankOrder }
}

type vbankOrder struct {
	MerchantUID, Status, ExpiresAt string
	VirtualAccount                 *struct{ Bank, Number, Holder, DepositBy string }
}

func (s *visitor) changeAccount(query, merchantUID string) vbankReply {
	s.Helper()
	r := s.ask(s.token, query, "m", merchantUID)
	s.wantCode(r, "")
	var out vbankReply
	if err := json.Unmarshal([]byte(r.text), &out); err != nil {
		s.Fatal(err)
	}
	return out
}

// newestPayment is the imp_uid of the order's newest payment, as the gateway has it.
func (s *visitor) newestPayment(merchantUID string) string {
	s.Helper()
	var granted struct {
		Response struct {
			AccessToken string `json:"access_token"`
		}
	}
	s.postJSON(s.url+"/sandbox/users/getToken", map[string]any{"imp_key": "sandbox-key", "imp_secret": "sandbox-secret"}, &granted)
	a := s.send(http.MethodGet, s.url+"/sandbox/payments/find/"+merchantUID, "", "Authorization", "Bearer "+granted.Response.AccessToken)
	var found struct {
		Response struct {
			ImpUID string `json:"imp_uid"`
		}
	}
	if err := json.Unmarshal([]byte(a.text), &found); err != nil || found.Response.ImpUID == "" {
		s.Fatalf("no payment: %s", a.text)
	}
	return found.Response.ImpUID
}

func (s *visitor) payDeposit(impUID string, body map[string]any) {
	s.Helper()
	if a := s.postJSON(s.url+"/sandbox/sandbox-payments/"+impUID+"/deposit", body, nil); a.status != http.StatusOK {
		s.Fatalf("the bank refused: %s", a.text)
	}
}

// TestF8AnAccountOfTheServerIsCreditedWithoutABrowser: only the deposit's webhook
// tells of it.
func TestF8AnAccountOfTheServerIsCreditedWithoutABrowser(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		o := s.ask(s.token, openVbank, "p", "points-10000").Data.CreateChargeOrder
		issued := s.changeAccount(issueVbank, o.MerchantUID).Data.IssueVirtualAccount
		again := s.changeAccount(issueVbank, o.MerchantUID).Data.IssueVirtualAccount
		if a := issued.VirtualAccount; issued.Status != "WAITING_DEPOSIT" || a == nil || a.Bank != "신한은행" || a.Holder != "포인트차지" ||
			a.DepositBy != issued.ExpiresAt || again.VirtualAccount.Number != a.Number {
			t.Fatalf("unexpected orders %+v, %+v", issued, again)
		}
		s.wantBalance(s.token, 0)
		s.payDeposit(s.newestPayment(o.MerchantUID), map[string]any{"amount": 10_000})
		s.awaitStatus(s.token, o.MerchantUID, "PAID")
		s.wantBalance(s.token, 10_100)
	})
}

func TestF8AnAccountFromTheWindowIsCreditedWithNobodysBrowserOpen(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		o := s.buy(s.token, "points-5000")
		s.answerWindow(s.openWindow(o, "overlay", map[string]any{"pay_method": "vbank"}), map[string]any{"action": "pay_silently"})
		s.awaitStatus(s.token, o.MerchantUID, "WAITING_DEPOSIT")
		s.wantBalance(s.token, 0)
		s.payDeposit(s.newestPayment(o.MerchantUID), map[string]any{"amount": 5_000})
		s.awaitStatus(s.token, o.MerchantUID, "PAID")
		s.wantBalance(s.token, 5_000)
	})
}

func TestARevokedAccountTakesNoDeposit(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		o := s.ask(s.token, openVbank, "p", "points-5000").Data.CreateChargeOrder
		s.changeAccount(issueVbank, o.MerchantUID)
		if revoked := s.changeAccount(revokeVbank, o.MerchantUID).Data.RevokeVirtualAccount; revoked.Status != "PENDING" || revoked.VirtualAccount != nil {
			t.Errorf("unexpected order %+v", revoked)
		}
		address := s.url + "/sandbox/sandbox-payments/" + s.newestPayment(o.MerchantUID) + "/deposit"
		if a := s.postJSON(address, map[string]any{"amount": 5_000}, nil); a.status != http.StatusConflict {
			t.Errorf("the deposit: %d %s", a.status, a.text)
		}
		s.wantBalance(s.token, 0)
	})
}

// TestAWrongDepositIsKeptForTheOperator: the log names the problem, and the person gets no points.
func TestAWrongDepositIsKeptForTheOperator(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		o := s.ask(s.token, openVbank, "p", "points-5000").Data.CreateChargeOrder
		s.changeAccount(issueVbank, o.MerchantUID)
		impUID := s.newestPayment(o.MerchantUID)
		s.payDeposit(impUID, map[string]any{"amount": 4_999, "force": true})
		s.printed(`(problem=DEPOSIT)`)
		s.wantCode(s.charge(s.token, impUID), apierror.PaymentMismatch)
		s.wantBalance(s.token, 0)
		if text := s.stdout.text(); strings.Contains(text, "level=ERROR") {
			t.Errorf("logged: %s", text)
		}
	})
}
