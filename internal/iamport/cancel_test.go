package iamport_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/iamport"
)

var _ charge.Gateway = (*iamport.Client)(nil)

func newRefund() charge.Cancel {
	return charge.Cancel{ImpUID: "imp_1", Currency: "KRW", Amount: 1000, Checksum: 5000, Reason: "변심"}
}

// captureBody keeps the last request body and answers with a payment.
func captureBody(body *string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		*body = string(sent)
		io.WriteString(w, okEnvelope(minimalPayment("imp_1", "paid", "cancelled", `"cancel_amount":0`, `"cancel_amount":1000`)))
	}
}

func TestF19CancelWithoutAnAmountReachesNobody(t *testing.T) {
	t.Parallel()
	stub := newStub(respondPaid)
	client := stub.timeless(iamport.Config{})
	for _, cancel := range []charge.Cancel{
		{ImpUID: "imp_1", Currency: "KRW", Checksum: 5000},
		{ImpUID: "imp_1", Currency: "KRW", Amount: -1, Checksum: 5000},
		{ImpUID: "imp_1", Currency: "KRW", Amount: 1000},
		{ImpUID: "imp_1", Currency: "KRW", Amount: 1000, Checksum: 999},
		{ImpUID: "imp_1", Amount: 1000, Checksum: 5000},
	} {
		_, err := client.Cancel(t.Context(), cancel)
		wantCode(t, err, apierror.InvalidArgument)
	}
	wantCount(t, "requests", stub.requests.Load()+stub.getTokens.Load(), 0)
}

func TestF19CancelSendsAmountAndChecksumOfTheCurrency(t *testing.T) {
	t.Parallel()
	for currency, want := range map[string]string{
		"KRW": `{"imp_uid":"imp_1","amount":1000,"checksum":5000,"reason":"변심"}`,
		"USD": `{"imp_uid":"imp_1","amount":10.00,"checksum":50.00,"reason":"변심"}`,
	} {
		var body string
		cancel := newRefund()
		cancel.Currency = currency
		payment, err := newStub(captureBody(&body)).timeless(iamport.Config{}).Cancel(t.Context(), cancel)
		if err != nil || body != want || payment.CancelledAmount != 1000 {
			t.Errorf("sent %s, want %s; got %+v, %v", body, want, payment, err)
		}
	}
}

func TestCancelSendsTheRefundAccountAndAsksForTheWebhook(t *testing.T) {
	t.Parallel()
	var body string
	cancel := newRefund()
	cancel.Account = &charge.RefundAccount{Holder: "홍길동", Bank: "04", Number: "110-1", Phone: "010"}
	cancel.Notify = true
	if _, err := newStub(captureBody(&body)).timeless(iamport.Config{}).Cancel(t.Context(), cancel); err != nil {
		t.Fatal(err)
	}
	const want = `"refund_holder":"홍길동","refund_bank":"04","refund_account":"110-1","refund_tel":"010","enable_webhook":true}`
	if !strings.HasSuffix(body, want) {
		t.Errorf("sent %s", body)
	}
}

func TestF18RefusedCancelIsAnErrorThoughItIsA200(t *testing.T) {
	t.Parallel()
	stub := newStub(respond(200, `{"code":1,"message":"취소할 결제건이 존재하지 않습니다.","response":null}`))
	_, err := stub.timeless(iamport.Config{}).Cancel(t.Context(), newRefund())
	wantCode(t, err, apierror.RefundNotPossible)
	if e, _ := errors.AsType[*apierror.Error](err); strings.Contains(e.Message, "취소") {
		t.Errorf("Iamport's words are in the message: %s", e.Message)
	}
}

func TestCancelDistrustsAnAnswerAboutAnotherPayment(t *testing.T) {
	t.Parallel()
	_, err := newStub(respond(200, okEnvelope(minimalPayment("imp_2")))).timeless(iamport.Config{}).Cancel(t.Context(), newRefund())
	wantCode(t, err, apierror.GatewayUnavailable)
}

func TestPostsAreSentOnceWhateverHappens(t *testing.T) {
	t.Parallel()
	for name, badly := range gatewayFaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stub := newStub(nil)
			stub.answer = respondPaid
			client := stub.client(t, iamport.Config{})
			mustPay(t, client) // opens the connection: a used one is where transports like to retry
			stub.answer = badly
			_, err := client.Cancel(t.Context(), newRefund())
			wantCode(t, err, apierror.GatewayUnavailable)
			wantCode(t, client.Prepare(t.Context(), "order-1", 5000, "KRW"), apierror.GatewayUnavailable)
			wantCount(t, "requests", stub.requests.Load(), 3)
		})
	}
}

func TestCancelIsGivenTheWholeTimeAndNoSecondTry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub := newStub(waitForCaller)
		started := time.Now()
		_, err := stub.timeless(iamport.Config{}).Cancel(t.Context(), newRefund())
		wantCode(t, err, apierror.GatewayUnavailable)
		wantCount(t, "requests", stub.requests.Load(), 1)
		if waited := time.Since(started); waited != 15*time.Second {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestF25CancelIsReplayedOnceAfterUnauthorized(t *testing.T) {
	t.Parallel()
	var body string
	stub := newStub(refuseToken("token-1", captureBody(&body)))
	if _, err := stub.timeless(iamport.Config{}).Cancel(t.Context(), newRefund()); err != nil {
		t.Fatal(err)
	}
	wantCount(t, "requests", stub.requests.Load(), 2)
	if !strings.Contains(body, `"amount":1000`) {
		t.Errorf("the replay sent %q", body)
	}
}

func TestF24PrepareRegistersAmountAndCurrency(t *testing.T) {
	t.Parallel()
	var body string
	stub := newStub(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		body = string(sent)
		io.WriteString(w, okEnvelope(body))
	})
	if err := stub.timeless(iamport.Config{}).Prepare(t.Context(), "order-1", 1050, "usd"); err != nil {
		t.Fatal(err)
	}
	if want := `{"merchant_uid":"order-1","amount":10.50,"currency":"USD"}`; body != want {
		t.Errorf("sent %s, want %s", body, want)
	}
}

func TestPrepareNeedsAnAmountAndACurrency(t *testing.T) {
	t.Parallel()
	stub := newStub(respondPaid)
	client := stub.timeless(iamport.Config{})
	wantCode(t, client.Prepare(t.Context(), "order-1", 0, "KRW"), apierror.InvalidArgument)
	wantCode(t, client.Prepare(t.Context(), "order-1", 5000, ""), apierror.InvalidArgument)
	wantCode(t, client.Prepare(t.Context(), strings.Repeat("o", 41), 5000, "KRW"), apierror.InvalidArgument)
	wantCount(t, "requests", stub.requests.Load()+stub.getTokens.Load(), 0)
}

func TestF18RefusedPrepareIsAnErrorThoughItIsA200(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"code":1,"message":"이미 등록","response":null}`, okEnvelope("null"), okEnvelope(`{"merchant_uid":"order-2"}`)} {
		client := newStub(respond(200, body)).timeless(iamport.Config{})
		wantCode(t, client.Prepare(t.Context(), "order-1", 5000, "KRW"), apierror.GatewayUnavailable)
	}
}
