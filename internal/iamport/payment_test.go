package iamport_test

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/iamport"
)

// readPayment is what the client makes of one payment object.
func readPayment(t *testing.T, impUID, response string) (charge.Payment, error) {
	t.Helper()
	return newStub(respond(200, okEnvelope(response))).timeless(iamport.Config{}).Payment(t.Context(), impUID)
}

func readGolden(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

func unixTime(unix int64) *time.Time {
	moment := time.Unix(unix, 0).UTC()
	return &moment
}

func TestF27PaymentIsTakenOutOfItsEnvelope(t *testing.T) {
	t.Parallel()
	raw := readGolden(t, "full.json")
	got, err := readPayment(t, "imp_448280090638", raw)
	if err != nil {
		t.Fatal(err)
	}
	want := charge.Payment{
		ImpUID: "imp_448280090638", MerchantUID: "charge-1", Status: charge.Cancelled,
		Amount: 25000, CancelledAmount: 3000, Currency: "KRW", PayMethod: "vbank",
		PGProvider: "html5_inicis", PGTID: "StdpayVBNK0001", Sandbox: true, Discount: 10,
		VirtualAccount: charge.VirtualAccount{Bank: "국민은행", Number: "110-123-456789", Holder: "포인트", DepositBy: unixTime(1763881200)},
		ReceiptURL:     "https://receipt.example/1", PaidAt: unixTime(1763795100), Raw: raw,
		Cancellations: []charge.Cancellation{
			{ID: "c-1", Amount: 1000, At: *unixTime(1763795500), Reason: "일부"},
			{ID: "c-2", Amount: 2000, At: *unixTime(1763796000), Reason: "변심"},
		},
		Deposits: []charge.Deposit{{Amount: 25000, At: time.Unix(1763795100, 0).UTC()}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestF22NullIsFineForEveryOptionalField(t *testing.T) {
	t.Parallel()
	got, err := readPayment(t, "imp_2", readGolden(t, "nulls.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := charge.Payment{ImpUID: "imp_2", MerchantUID: "charge-2", Status: charge.Ready, Amount: 5000, Currency: "KRW"}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(charge.Payment{}, "Raw")); diff != "" {
		t.Error(diff)
	}
}

func TestF22UnknownFieldsAreIgnored(t *testing.T) {
	t.Parallel()
	if _, err := readPayment(t, "imp_1", minimalPayment("imp_1", `"sandbox"`, `"new":{"deep":[1,null]},"sandbox"`)); err != nil {
		t.Error(err)
	}
}

func TestF24AmountsAreReadExactlyInTheMinorUnit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		amount, currency string
		want             int64
	}{
		{"5000", "KRW", 5000}, {"5000.0", "KRW", 5000}, {"5e3", "KRW", 5000}, {"5.0E+3", "KRW", 5000},
		{`"5000"`, "KRW", 5000}, {"0", "KRW", 0}, {"5000", "krw", 5000},
		{"9223372036854775807", "KRW", 9223372036854775807}, {"9007199254740993.0", "KRW", 9007199254740993},
		{"10.50", "USD", 1050}, {"10.5", "USD", 1050}, {"10", "USD", 1000}, {"0.29", "USD", 29}, {"1e-2", "USD", 1},
		{"100", "JPY", 100}, {"100", "VND", 100},
	} {
		got, err := readPayment(t, "imp_1", minimalPayment("imp_1", "5000", test.amount, "KRW", test.currency))
		if err != nil || got.Amount != test.want {
			t.Errorf("%s %s: %d, %v; want %d", test.amount, test.currency, got.Amount, err, test.want)
		}
		if got.Currency != strings.ToUpper(test.currency) {
			t.Errorf("%s became %s", test.currency, got.Currency)
		}
	}
}

func TestUntrustworthyAnswersAreRefused(t *testing.T) {
	t.Parallel()
	for name, response := range map[string]string{
		"finer than a won":        minimalPayment("imp_1", "5000", "5000.5"),
		"finer than a cent":       minimalPayment("imp_1", "5000", "10.505", "KRW", "USD"),
		"negative":                minimalPayment("imp_1", "5000", "-1"),
		"beyond int64":            minimalPayment("imp_1", "5000", "9223372036854775808"),
		"beyond int64 in cents":   minimalPayment("imp_1", "5000", "9223372036854775807", "KRW", "USD"),
		"absurd exponent":         minimalPayment("imp_1", "5000", "1e999999999"),
		"no amount":               minimalPayment("imp_1", "5000", "null"),
		"amount is no number":     minimalPayment("imp_1", "5000", `"five"`),
		"no cancelled amount":     minimalPayment("imp_1", `"cancel_amount":0`, `"x":0`),
		"more cancelled":          minimalPayment("imp_1", `"cancel_amount":0`, `"cancel_amount":5001`),
		"no currency":             minimalPayment("imp_1", `"KRW"`, "null"),
		"unknown currency":        minimalPayment("imp_1", "KRW", "QQQ"),
		"F23 canceled with one l": minimalPayment("imp_1", "paid", "canceled"),
		"unknown status":          minimalPayment("imp_1", "paid", "PAID"),
		"another payment":         minimalPayment("imp_2"),
		"no imp_uid":              minimalPayment(""),
		"sandbox is no boolean":   minimalPayment("imp_1", "false", `"no"`),
		"time in milliseconds":    minimalPayment("imp_1", `"sandbox"`, `"paid_at":1763795000000,"sandbox"`),
		"time before time":        minimalPayment("imp_1", `"sandbox"`, `"paid_at":-1,"sandbox"`),
		"bad cancellation":        minimalPayment("imp_1", `"sandbox"`, `"cancel_history":[{"amount":-5}],"sandbox"`),
		"response is null":        "null",
		"response is a list":      "[]",
		"response is a text":      `"paid"`,
	} {
		_, err := readPayment(t, "imp_1", response)
		if apierror.CodeOf(err) != apierror.GatewayUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMissingResponseIsRefused(t *testing.T) {
	t.Parallel()
	client := newStub(respond(200, `{"code":0,"message":null}`)).timeless(iamport.Config{})
	_, err := client.Payment(t.Context(), "imp_1")
	wantCode(t, err, apierror.GatewayUnavailable)
}

func TestPaidAtZeroMeansNotPaid(t *testing.T) {
	t.Parallel()
	got, err := readPayment(t, "imp_1", minimalPayment("imp_1", `"sandbox"`, `"paid_at":0,"sandbox"`))
	if err != nil || got.PaidAt != nil {
		t.Errorf("PaidAt %v, error %v", got.PaidAt, err)
	}
}

func TestRawCanBeStoredAsText(t *testing.T) {
	t.Parallel()
	sent := minimalPayment("imp_1", `"sandbox"`, `"pg_tid":"a\u0000b","custom_data":"\\u0000 \\\u0000 `+"\xff"+`","sandbox"`)
	got, err := readPayment(t, "imp_1", sent)
	if err != nil {
		t.Fatal(err)
	}
	if !utf8.ValidString(got.Raw) || !strings.Contains(got.Raw, `"\\u0000 \\\ufffd `+"\uFFFD"+`"`) {
		t.Errorf("Raw is %q", got.Raw)
	}
	if got.PGTID != "a\uFFFDb" {
		t.Errorf("PGTID is %q", got.PGTID)
	}
}

func TestUnknownPaymentIsNotFound(t *testing.T) {
	t.Parallel()
	stub := newStub(respond(404, `{"code":-1,"message":"존재하지 않는 결제정보입니다.","response":null}`))
	_, err := stub.timeless(iamport.Config{}).Payment(t.Context(), "imp_1")
	wantCode(t, err, apierror.PaymentNotFound)
	wantCount(t, "requests", stub.requests.Load(), 1)
}

func TestSomebodyElses404SaysNothingAboutThePayment(t *testing.T) {
	t.Parallel()
	_, err := newStub(respond(404, "<html>not here</html>")).timeless(iamport.Config{}).Payment(t.Context(), "imp_1")
	wantCode(t, err, apierror.GatewayUnavailable)
}

func TestGetTokens404SaysNothingAboutThePayment(t *testing.T) {
	t.Parallel()
	stub := newStub(respondPaid)
	stub.grant = respond(404, `{"code":-1,"message":"없음","response":null}`)
	_, err := stub.timeless(iamport.Config{}).Payment(t.Context(), "imp_1")
	wantCode(t, err, apierror.GatewayUnavailable)
}

func TestF18CodeOtherThanZeroIsAnErrorInA200(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"1", "-1", "null", `"x"`} {
		body := `{"code":` + code + `,"message":"실패","response":` + minimalPayment("imp_1") + `}`
		_, err := newStub(respond(200, body)).timeless(iamport.Config{}).Payment(t.Context(), "imp_1")
		wantCode(t, err, apierror.GatewayUnavailable)
	}
}

func TestF20F21IncludeSandboxFollowsTheConfiguration(t *testing.T) {
	t.Parallel()
	for include, want := range map[bool]string{true: "include_sandbox=true", false: ""} {
		client := newStub(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery != want {
				t.Errorf("IncludeSandbox %v: query is %q", include, r.URL.RawQuery)
			}
			io.WriteString(w, okEnvelope(minimalPayment("imp_1", `"sandbox":false`, `"sandbox":true`)))
		}).timeless(iamport.Config{IncludeSandbox: include})
		payment, err := client.Payment(t.Context(), "imp_1")
		if err != nil || !payment.Sandbox {
			t.Errorf("IncludeSandbox %v: %+v, %v", include, payment, err)
		}
	}
}
