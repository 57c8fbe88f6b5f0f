package iamport_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/iamport"
	"pointcharge/internal/sandbox"
)

func newAccountOrder() charge.AccountOrder {
	return charge.AccountOrder{MerchantUID: "order-1", Name: "포인트 5,000", Amount: 5000, Currency: "KRW", Bank: "088",
		Holder: "포인트", DepositBy: time.Unix(1_763_881_200, 0)}
}

// issues answers with an account, and keeps the request.
func issues(body *string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		*body = string(sent)
		io.WriteString(w, okEnvelope(minimalPayment("imp_1", `"paid"`, `"ready"`, `"sandbox"`, `"vbank_num":"110","sandbox"`)))
	}
}

func TestAnAccountIsAskedForWithEverythingItNeeds(t *testing.T) {
	t.Parallel()
	var body string
	client := newStub(issues(&body)).timeless(iamport.Config{ChannelKey: "channel", NoticeURL: "https://shop.example/hook"})
	payment, err := client.IssueVirtualAccount(t.Context(), newAccountOrder())
	if err != nil || payment.ImpUID != "imp_1" || payment.VirtualAccount.Number != "110" {
		t.Fatalf("got %+v, %v", payment, err)
	}
	const want = `{"channel_key":"channel","merchant_uid":"order-1","amount":5000,"vbank_code":"088","vbank_due":1763881200,` +
		`"vbank_holder":"포인트","name":"포인트 5,000","notice_url":["https://shop.example/hook"]}`
	if diff := cmp.Diff(want, body); diff != "" {
		t.Error(diff)
	}
}

func TestAnImpossibleAccountIsNotRequested(t *testing.T) {
	t.Parallel()
	stub := newStub(respondPaid)
	client := stub.timeless(iamport.Config{})
	for name, edit := range map[string]func(*charge.AccountOrder){
		"a path":      func(o *charge.AccountOrder) { o.MerchantUID = "find/order-1" },
		"a long id":   func(o *charge.AccountOrder) { o.MerchantUID = strings.Repeat("o", 41) },
		"no amount":   func(o *charge.AccountOrder) { o.Amount = 0 },
		"no currency": func(o *charge.AccountOrder) { o.Currency = "" },
		"no bank":     func(o *charge.AccountOrder) { o.Bank = "" },
		"a long name": func(o *charge.AccountOrder) { o.Holder = strings.Repeat("가", 17) },
		"no deadline": func(o *charge.AccountOrder) { o.DepositBy = time.Time{} },
	} {
		order := newAccountOrder()
		edit(&order)
		if _, err := client.IssueVirtualAccount(t.Context(), order); apierror.CodeOf(err) != apierror.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := client.RevokeVirtualAccount(t.Context(), "../payments/cancel")
	wantCode(t, err, apierror.InvalidArgument)
	wantCount(t, "requests", stub.requests.Load()+stub.getTokens.Load(), 0)
}

func TestAnAccountForSomethingElseIsDistrusted(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]string{
		"another order":    {`"order-1"`, `"order-2"`},
		"another amount":   {`"amount":5000`, `"amount":500`},
		"another currency": {`"KRW"`, `"JPY"`},
		"no number":        {},
	} {
		number := `"vbank_num":"110","sandbox"`
		if name == "no number" {
			number = `"vbank_num":null,"sandbox"`
		}
		answer := minimalPayment("imp_1", append(edits, `"paid"`, `"ready"`, `"sandbox"`, number)...)
		_, err := newStub(respond(200, okEnvelope(answer))).timeless(iamport.Config{}).IssueVirtualAccount(t.Context(), newAccountOrder())
		if apierror.CodeOf(err) != apierror.GatewayUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestF18RefusedAccountsAreErrors(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusOK, http.StatusBadRequest} {
		client := newStub(respond(status, `{"code":1,"message":"안 됩니다","response":null}`)).timeless(iamport.Config{})
		_, err := client.IssueVirtualAccount(t.Context(), newAccountOrder())
		wantCode(t, err, apierror.InvalidArgument)
		_, err = client.RevokeVirtualAccount(t.Context(), "imp_1")
		wantCode(t, err, apierror.InvalidArgument)
	}
	client := newStub(respond(http.StatusBadRequest, `<html>`)).timeless(iamport.Config{}) // some proxy's
	_, err := client.IssueVirtualAccount(t.Context(), newAccountOrder())
	wantCode(t, err, apierror.GatewayUnavailable)
}

func TestAccountsAreRequestedOnceAfterAnyFailure(t *testing.T) {
	t.Parallel()
	for name, badly := range gatewayFaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stub := newStub(respondPaid)
			client := stub.client(t, iamport.Config{})
			mustPay(t, client) // opens the connection: a used one is where transports like to retry
			stub.answer = badly
			_, err := client.IssueVirtualAccount(t.Context(), newAccountOrder())
			wantCode(t, err, apierror.GatewayUnavailable)
			_, err = client.RevokeVirtualAccount(t.Context(), "imp_1")
			wantCode(t, err, apierror.GatewayUnavailable)
			wantCount(t, "requests", stub.requests.Load(), 3)
		})
	}
}

func TestARevocationDistrustsAnAnswerAboutAnotherPayment(t *testing.T) {
	t.Parallel()
	_, err := newStub(respond(200, okEnvelope(minimalPayment("imp_2")))).timeless(iamport.Config{}).RevokeVirtualAccount(t.Context(), "imp_1")
	wantCode(t, err, apierror.GatewayUnavailable)
}

func TestDepositsAreReadToTheLastDigit(t *testing.T) {
	t.Parallel()
	for history, want := range map[string][]charge.Deposit{
		`null`: nil,
		`[]`:   nil,
		`[{"pg_tid":"D","amount":5e3,"depositor_name":null,"deposited_at":1763795100},{"amount":9007199254740993}]`: {
			{Amount: 5000, At: time.Unix(1_763_795_100, 0).UTC()}, {Amount: 9_007_199_254_740_993}},
	} {
		answer := minimalPayment("imp_1", `"sandbox"`, `"deposit_history":`+history+`,"sandbox"`)
		got, err := newStub(respond(200, okEnvelope(answer))).timeless(iamport.Config{}).Payment(t.Context(), "imp_1")
		if diff := cmp.Diff(want, got.Deposits); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", history, err, diff)
		}
	}
}

func TestAnImpossibleDepositIsDistrusted(t *testing.T) {
	t.Parallel()
	for _, deposit := range []string{`{"amount":-1}`, `{"amount":0.5}`, `{}`, `{"amount":1,"deposited_at":-1}`} {
		answer := minimalPayment("imp_1", `"sandbox"`, `"deposit_history":[`+deposit+`],"sandbox"`)
		_, err := newStub(respond(200, okEnvelope(answer))).timeless(iamport.Config{}).Payment(t.Context(), "imp_1")
		wantCode(t, err, apierror.GatewayUnavailable)
	}
}

func TestSandboxIssuesAndRevokesAnAccount(t *testing.T) {
	t.Parallel()
	box, client := newSandbox(t, iamport.Config{ChannelKey: "channel", IncludeSandbox: true})
	order := newAccountOrder()
	order.DepositBy = time.Now().Add(time.Hour).Truncate(time.Second)
	issued, err := client.IssueVirtualAccount(t.Context(), order)
	if err != nil || issued.Status != charge.Ready || !issued.VirtualAccount.DepositBy.Equal(order.DepositBy) {
		t.Fatalf("got %+v, %v", issued, err)
	}
	revoked, err := client.RevokeVirtualAccount(t.Context(), issued.ImpUID)
	if err != nil || revoked.Status == charge.Ready {
		t.Fatalf("got %+v, %v", revoked, err)
	}
	if err := box.ForceDeposit(issued.ImpUID, sandbox.Won(5000)); err != nil {
		t.Fatal(err)
	}
	paid, err := client.Payment(t.Context(), issued.ImpUID)
	if err != nil || len(paid.Deposits) != 1 || paid.Deposits[0].Amount != 5000 {
		t.Errorf("got %+v, %v", paid, err)
	}
	_, err = client.RevokeVirtualAccount(t.Context(), issued.ImpUID)
	wantCode(t, err, apierror.InvalidArgument)
}

func TestInicisGetsTheKeyInTheQueryAndTheKeyStaysHidden(t *testing.T) {
	t.Parallel()
	const key = "a/+&=?%한 secret"
	var log bytes.Buffer
	cfg := iamport.Config{ChannelKey: "channel-inicis", PGAPIKey: key, IncludeSandbox: true,
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	var sent string
	stub := newStub(func(w http.ResponseWriter, r *http.Request) {
		sent = r.URL.Query().Get("pg_api_key")
		w.WriteHeader(http.StatusInternalServerError)
	})
	_, err := stub.timeless(cfg).IssueVirtualAccount(t.Context(), newAccountOrder())
	wantCode(t, err, apierror.GatewayUnavailable)
	if sent != key {
		t.Errorf("sent was %q", sent)
	}
	broken := newStub(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, lost := broken.client(t, cfg).IssueVirtualAccount(t.Context(), newAccountOrder())
	if all := err.Error() + lost.Error() + log.String(); strings.Contains(all, "secret") {
		t.Errorf("the key is in %s", all)
	}
	order := newAccountOrder()
	order.DepositBy = time.Now().Add(time.Hour).Truncate(time.Second)
	_, client := newSandbox(t, cfg)
	if _, err := client.IssueVirtualAccount(t.Context(), order); err != nil {
		t.Error(err)
	}
	cfg.PGAPIKey = ""
	_, client = newSandbox(t, cfg)
	_, err = client.IssueVirtualAccount(t.Context(), order)
	wantCode(t, err, apierror.InvalidArgument)
}
