package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"pointcharge/internal/sandbox"
)

const issueRequest = `{"channel_key":"c","merchant_uid":"order","amount":5000,"vbank_code":"088","vbank_due":1763881400,` +
	`"vbank_holder":"포인트","name":"포인트 5,000"}`

// issueAccount issues a virtual account of 5,000 won and drops its webhook.
func (g *gateway) issueAccount() sandbox.Payment {
	g.t.Helper()
	got := g.callWithToken(http.MethodPost, "/vbanks", issueRequest)
	g.expectCode(got, 200, 0)
	g.receivedWebhooks()
	return decodeResponse[sandbox.Payment](g, got)
}

func TestAnIssuedAccountIsReadyAndSendsAWebhook(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	got := g.callWithToken(http.MethodPost, "/vbanks", issueRequest)
	g.expectCode(got, 200, 0)
	p := decodeResponse[sandbox.Payment](g, got)
	equal(t, []any{p.Status, p.PayMethod, p.Amount.String(), p.VbankName, p.VbankHolder, p.VbankDate, p.VbankIssuedAt, p.Sandbox, p.PaidAt},
		[]any{"ready", sandbox.Text("vbank"), "5000", sandbox.Text("신한은행"), sandbox.Text("포인트"), int64(1_763_881_400), int64(1_763_795_000), true, int64(0)})
	equal(t, len(p.VbankNum), 14)
	equal(t, g.receivedWebhooks()[0].Body, `{"imp_uid":"`+p.ImpUID+`","merchant_uid":"order","status":"ready"}`)
}

func TestAnAccountsNoticesGoToItsNoticeURL(t *testing.T) {
	t.Parallel()
	g, other := newGateway(t), newGateway(t)
	for _, address := range []string{`"URL"`, `["URL"]`} {
		body := strings.Replace(issueRequest, `{`, `{"notice_url":`+strings.Replace(address, "URL", other.url+"/nowhere", 1)+`,`, 1)
		g.expectCode(g.callWithToken(http.MethodPost, "/vbanks", body), 200, 0)
	}
	equal(t, g.receivedWebhooks(), []webhook{})
	equal(t, other.Requests()["/"], 2)
}

func TestNoAccountIsIssuedForNonsense(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, edit := range []string{
		`"channel_key":"c"|"channel_key":""`, `"merchant_uid":"order"|"merchant_uid":""`, `"amount":5000|"amount":0`,
		`"amount":5000|"amount":"x"`, `"vbank_code":"088"|"vbank_code":null`, `1763881400|1763795000`, `1763881400|"2025-11-23"`,
		`"포인트"|"` + strings.Repeat("포", 17) + `"`, `"name"|"notice_url":"ftp://x","name"`,
	} {
		from, to, _ := strings.Cut(edit, "|")
		g.expectCode(g.callWithToken(http.MethodPost, "/vbanks", strings.Replace(issueRequest, from, to, 1)), 400, -1)
	}
	g.expectCode(g.call(http.MethodPost, "/vbanks", issueRequest), 401, -1)
	equal(t, g.receivedWebhooks(), []webhook{})
}

func TestNoAccountIsIssuedForAPaidOrder(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{MerchantUID: "order"})
	g.expectCode(g.callWithToken(http.MethodPost, "/vbanks", issueRequest), 200, 1)
}

func TestARevokedAccountTakesNoDeposit(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	id := g.issueAccount().ImpUID
	g.expectCode(g.callWithToken(http.MethodDelete, "/vbanks/"+id, ""), 200, 0)
	g.expectCode(g.callWithToken(http.MethodDelete, "/vbanks/"+id, ""), 400, 1)
	equal(t, g.Deposit(id, "5000") != nil, true)
	equal(t, g.receivedWebhooks(), []webhook{})
}

func TestOnlyAnAwaitedAccountIsRevoked(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_card", Status: sandbox.Ready})
	g.Put(sandbox.Payment{ImpUID: "imp_paid", PayMethod: "vbank"})
	g.expectCode(g.callWithToken(http.MethodDelete, "/vbanks/imp_card", ""), 400, 1)
	g.expectCode(g.callWithToken(http.MethodDelete, "/vbanks/imp_paid", ""), 400, 1)
	g.expectCode(g.callWithToken(http.MethodDelete, "/vbanks/imp_none", ""), 404, 1)
}

func TestAnAccountTakesItsAmountOnce(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	path := "/sandbox-payments/" + g.issueAccount().ImpUID + "/deposit"
	g.expectCode(g.call(http.MethodPost, path, `{"amount":4999}`), 409, 1)
	g.expectCode(g.call(http.MethodPost, path, `{"amount":0}`), 400, -1)
	got := g.call(http.MethodPost, path, `{"amount":5000}`)
	g.expectCode(got, 200, 0)
	p := decodeResponse[sandbox.Payment](g, got)
	equal(t, []any{p.Status, len(p.DepositHistory), p.DepositHistory[0].Amount.String()}, []any{"paid", 1, "5000"})
	g.expectCode(g.call(http.MethodPost, path, `{"amount":5000}`), 409, 1)
	g.expectCode(g.call(http.MethodPost, "/sandbox-payments/imp_none/deposit", `{"amount":5000}`), 404, 1)
	equal(t, len(g.receivedWebhooks()), 1)
}

func TestAForcedDepositShowsInTheHistory(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	id := g.issueAccount().ImpUID
	path := "/sandbox-payments/" + id + "/deposit"
	g.expectCode(g.call(http.MethodPost, path, `{"amount":3000,"force":true}`), 200, 0)
	if err := g.ForceDeposit(id, "5000"); err != nil {
		t.Fatal(err)
	}
	p, _ := g.Payment(id)
	equal(t, []any{p.Status, p.Amount.String(), len(p.DepositHistory)}, []any{"paid", "5000", 2})
	equal(t, len(g.receivedWebhooks()), 2)
}

func TestOnlyAVirtualAccountTakesADeposit(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", Status: sandbox.Ready, Amount: "5000"})
	equal(t, g.ForceDeposit("imp_1", "5000") != nil, true)
}
