package graph_test

import (
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
	"pointcharge/internal/sandbox"
)

const (
	issueAccount = `mutation($m: ID!) { issueVirtualAccount(input: {merchantUid: $m, bank: "088", holder: "포인트차지"}) { ` + waiting + ` } }`
	revokeIt     = `mutation($m: ID!) { revokeVirtualAccount(merchantUid: $m) { ` + waiting + ` } }`
	waiting      = `status expiresAt virtualAccount { bank number holder depositBy } transaction { id }`
)

// vbankOrder opens an order of minji's that is to be paid by virtual account.
func (w *world) vbankOrder() string {
	w.Helper()
	r := w.ask("minji", `mutation { createChargeOrder(productId: "p1", payMethod: VIRTUAL_ACCOUNT) { merchantUid } }`)
	w.wantCode(r, "")
	return r.at("createChargeOrder", "merchantUid").(string)
}

func TestAnIssuedAccountIsAnsweredWithItsOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Date(2126, 1, 1, 0, 0, 0, 0, time.UTC) // later than the gateway's clock, which wants a deadline ahead
	w.points.Now = func() time.Time { return now }
	r := w.ask("minji", issueAccount, "m", w.vbankOrder())
	for _, path := range [][]string{{"expiresAt"}, {"virtualAccount", "depositBy"}} {
		w.want(r, "2126-01-04T00:00:00Z", append([]string{"issueVirtualAccount"}, path...)...) // 72 hours are the default
	}
	w.want(r, "WAITING_DEPOSIT", "issueVirtualAccount", "status")
	w.want(r, "신한은행", "issueVirtualAccount", "virtualAccount", "bank")
	w.want(r, "포인트차지", "issueVirtualAccount", "virtualAccount", "holder")
	w.want(r, nil, "issueVirtualAccount", "transaction")
	if number, _ := r.at("issueVirtualAccount", "virtualAccount", "number").(string); number == "" {
		t.Errorf("no number: %s", r.text)
	}
}

func TestARevokedAccountIsShownNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	merchantUID := w.vbankOrder()
	w.wantCode(w.ask("minji", issueAccount, "m", merchantUID), "")
	r := w.ask("minji", revokeIt, "m", merchantUID)
	w.want(r, "PENDING", "revokeVirtualAccount", "status")
	w.want(r, nil, "revokeVirtualAccount", "virtualAccount")
}

func TestAnAccountForAPaidOrderNamesItsLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	merchantUID := w.vbankOrder()
	line := w.charge("minji", w.pay(merchantUID, func(p *sandbox.Payment) { p.PayMethod = "vbank" })).at("createPointTransaction", "id")
	r := w.ask("minji", issueAccount, "m", merchantUID)
	w.wantCode(r, apierror.PaymentAlreadyCharged)
	if r.Errors[0].Extensions.TransactionID != line {
		t.Errorf("it names %q, want %q", r.Errors[0].Extensions.TransactionID, line)
	}
	w.want(w.ask("minji", revokeIt, "m", merchantUID), "PAID", "revokeVirtualAccount", "status")
}

func TestWhoMayIssueAndRevoke(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	merchantUID := w.vbankOrder()
	boss, service := w.token("sora", auth.RoleAdmin), w.token("robot", auth.RoleService)
	for _, token := range []string{w.token("junho"), service, boss} { // only the owner may ask for an account
		w.wantCode(w.askAs(token, issueAccount, "m", merchantUID), apierror.NotFound)
	}
	w.wantCode(w.ask("minji", issueAccount, "m", merchantUID), "")
	for _, token := range []string{w.token("junho"), service} {
		w.wantCode(w.askAs(token, revokeIt, "m", merchantUID), apierror.NotFound)
	}
	w.want(w.askAs(boss, revokeIt, "m", merchantUID), "PENDING", "revokeVirtualAccount", "status")
}

func TestBadAccountsAreInvalidArguments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	merchantUID := w.vbankOrder()
	for _, input := range []string{
		`{bank: "088"}`, `{holder: "h"}`, `{bank: "", holder: "h"}`, `{bank: "088", holder: ""}`, `{bank: "088", holder: "a\u0000"}`,
		`{bank: "088", holder: "h", hours: 0}`, `{bank: "088", holder: "h", hours: 721}`, `{bank: "088", holder: "h", hours: 1.5}`,
		`{bank: "088", holder: "h", hours: null}`, `{bank: "088", holder: "h", hours: "72"}`, `{bank: "088", holder: "h", amount: 1}`,
	} {
		r := w.ask("minji", `mutation { issueVirtualAccount(input: {merchantUid: "`+merchantUID+`", `+input[1:]+`) { status } }`)
		if w.wantCode(r, apierror.InvalidArgument); t.Failed() {
			t.Fatal(input)
		}
	}
	w.wantCode(w.ask("minji", issueAccount, "m", "a/b"), apierror.InvalidArgument)
	w.wantCode(w.ask("minji", revokeIt, "m", "a/b"), apierror.InvalidArgument)
}
