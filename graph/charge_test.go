package graph_test

import (
	"strings"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
	"pointcharge/internal/sandbox"
)

func TestTheCheckoutIsWhatTheSDKNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, err := auth.Sign([]byte(authSecret), auth.Identity{UserID: "minji", Name: "김민지", Email: "m@example.com",
		Phone: strings.Repeat("0", 257), ExpiresAt: w.expiry()}, issuer, audience)
	w.must(err)
	r := w.askAs(token, `mutation { createChargeOrder(productId: "p1", payMethod: NAVERPAY) { merchantUid checkout {
		sdkUrl userCode channelKey payMethod merchantUid name amount currency buyerName buyerEmail buyerTel redirectUrl noticeUrl } } }`)
	for field, want := range map[string]any{
		"sdkUrl": "https://sdk.example", "userCode": "imp1", "channelKey": "channel", "payMethod": "naverpay", "name": "포인트",
		"amount": 5000.0, "currency": "KRW", "buyerName": "김민지", "buyerEmail": "m@example.com", "buyerTel": nil,
		"redirectUrl": "https://r.example", "noticeUrl": "https://n.example",
		"merchantUid": r.at("createChargeOrder", "merchantUid"),
	} {
		w.want(r, want, "createChargeOrder", "checkout", field)
	}
}

func TestEveryPayMethodHasIamportsWord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	words := map[string]string{"CARD": "card", "BANK_TRANSFER": "trans", "VIRTUAL_ACCOUNT": "vbank", "PHONE": "phone",
		"KAKAOPAY": "kakaopay", "NAVERPAY": "naverpay", "TOSSPAY": "tosspay", "PAYCO": "payco"}
	for _, value := range schema(t).Types["PayMethod"].EnumValues {
		r := w.ask("minji", `mutation($m: PayMethod!) { createChargeOrder(productId: "p1", payMethod: $m) { payMethod checkout { payMethod } } }`,
			"m", value.Name)
		w.want(r, value.Name, "createChargeOrder", "payMethod")
		w.want(r, words[value.Name], "createChargeOrder", "checkout", "payMethod")
	}
}

func TestACardIsTheDefault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(w.ask("minji", `mutation { createChargeOrder(productId: "p1") { payMethod } }`), "CARD", "createChargeOrder", "payMethod")
}

func TestAChargeAnswersWithItsLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	merchantUID := w.order("minji")
	impUID := w.pay(merchantUID)
	r := w.charge("minji", impUID)
	for field, want := range map[string]any{
		"kind": "CHARGE", "amount": 5000.0, "balanceAfter": 5000.0, "impUid": impUID, "description": "포인트",
	} {
		w.want(r, want, "createPointTransaction", field)
	}
	w.want(r, merchantUID, "createPointTransaction", "order", "merchantUid")
	w.want(r, "PAID", "createPointTransaction", "order", "status")
	w.want(w.ask("minji", `{ viewer { balance } }`), 5000.0, "viewer", "balance")
}

func TestF3F35ARepeatedChargeNamesItsLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	impUID := w.pay(w.order("minji"))
	line := w.charge("minji", impUID).at("createPointTransaction", "id")
	again := w.charge("minji", impUID)
	w.wantCode(again, apierror.PaymentAlreadyCharged)
	if again.Errors[0].Extensions.TransactionID != line {
		t.Errorf("it names %q, want %q", again.Errors[0].Extensions.TransactionID, line)
	}
	w.want(w.ask("minji", `query($id: ID!) { pointTransaction(id: $id) { impUid } }`, "id", line), impUID, "pointTransaction", "impUid")
}

func TestOnlyARepeatedChargeNamesALine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	impUID := w.pay(w.order("minji"))
	w.charge("minji", impUID)
	if r := w.charge("junho", impUID); r.Errors[0].Extensions.TransactionID != "" {
		t.Errorf("a stranger learns of the line: %s", r.text)
	}
}

const order = `query($m: ID!) { chargeOrder(merchantUid: $m) { status transaction { id } virtualAccount { bank number holder depositBy }
	product { id } price points bonusPoints } }`

func TestAnOrderHasNoLineAndNoAccountBeforeItIsPaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.ask("minji", order, "m", w.order("minji"))
	w.want(r, "PENDING", "chargeOrder", "status")
	w.want(r, nil, "chargeOrder", "transaction")
	w.want(r, nil, "chargeOrder", "virtualAccount")
	w.want(r, "p1", "chargeOrder", "product", "id")
}

func TestF8AVirtualAccountIsShownAndNotCredited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	merchantUID := w.order("minji")
	impUID := w.pay(merchantUID, func(p *sandbox.Payment) {
		p.Status, p.PayMethod, p.VbankName, p.VbankNum, p.VbankDate = sandbox.Ready, "vbank", "신한은행", "110-123", 4_000_000_000
	})
	w.wantCode(w.charge("minji", impUID), apierror.PaymentNotPaid)
	r := w.ask("minji", order, "m", merchantUID)
	w.want(r, "WAITING_DEPOSIT", "chargeOrder", "status")
	w.want(r, "신한은행", "chargeOrder", "virtualAccount", "bank")
	w.want(r, "110-123", "chargeOrder", "virtualAccount", "number")
	w.want(r, "2096-10-02T07:06:40Z", "chargeOrder", "virtualAccount", "depositBy")
	w.want(r, nil, "chargeOrder", "transaction")
	w.must(w.gateway.Pay(impUID))
	w.want(w.charge("minji", impUID), 5000.0, "createPointTransaction", "amount")
}

func TestTwoChargesInOneRequestCreditOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	impUID := w.pay(w.order("minji"))
	r := w.ask("minji", `mutation($id: ID!) { a: createPointTransaction(impUid: $id) { id } b: createPointTransaction(impUid: $id) { id } }`, "id", impUID)
	w.wantCode(r, apierror.PaymentAlreadyCharged)
	w.want(w.ask("minji", `{ viewer { balance } }`), 5000.0, "viewer", "balance")
}

func TestAnOrderSaysWhyItsLatestAttemptFailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	merchantUID := w.order("minji")
	const why = `query($m: ID!) { chargeOrder(merchantUid: $m) { status failReason } }`
	w.want(w.ask("minji", why, "m", merchantUID), "", "chargeOrder", "failReason")
	impUID := w.pay(merchantUID, func(p *sandbox.Payment) { p.Status, p.FailReason = sandbox.Failed, "한도초과" })
	w.wantCode(w.charge("minji", impUID), apierror.PaymentNotPaid)
	r := w.ask("minji", why, "m", merchantUID)
	w.want(r, "한도초과", "chargeOrder", "failReason")
	w.want(r, "PENDING", "chargeOrder", "status")
}
