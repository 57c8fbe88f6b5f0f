package sandbox_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"pointcharge/internal/sandbox"
)

const descriptionPath = "../../../shared/iamport/v1.oas3.json"

func loadDescription(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile(descriptionPath)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("Iamport's OpenAPI description is not here: " + descriptionPath)
	}
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestAnswersFollowIamportsDescription(t *testing.T) {
	t.Parallel()
	doc, g := loadDescription(t), newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "order", Amount: "25000"})
	g.Put(sandbox.Payment{ImpUID: "imp_2", MerchantUID: "order", Amount: "12.50", Currency: "USD", Status: sandbox.Cancelled})
	g.answerCheckout(g.openCheckout("overlay", `{"merchant_uid":"browser","amount":1,"pay_method":"vbank","custom_data":{}}`), `{"action":"pay"}`)
	for _, c := range []struct {
		method, path, body, described string
		status                        int
	}{
		{"POST", "/users/getToken", `{"imp_key":"key","imp_secret":"s&=+%"}`, "/users/getToken", 200},
		{"POST", "/users/getToken", `{}`, "/users/getToken", 401},
		{"GET", "/payments/imp_1", "", "/payments/{imp_uid}", 200},
		{"GET", "/payments/imp_2", "", "/payments/{imp_uid}", 200},
		{"GET", "/payments/imp_9", "", "/payments/{imp_uid}", 404},
		{"GET", "/payments?imp_uid[]=imp_1&imp_uid[]=imp_2", "", "/payments", 200},
		{"GET", "/payments?imp_uid[]=imp_1&imp_uid[]=imp_9", "", "/payments", 207},
		{"GET", "/payments?imp_uid[]=imp_9", "", "/payments", 404},
		{"GET", "/payments/find/browser", "", "/payments/find/{merchant_uid}", 200},
		{"GET", "/payments/find/order/paid", "", "/payments/find/{merchant_uid}/{payment_status}", 200},
		{"GET", "/payments/find/nobody", "", "/payments/find/{merchant_uid}", 404},
		{"GET", "/payments/findAll/order", "", "/payments/findAll/{merchant_uid}", 200},
		{"GET", "/payments/findAll/order/paid", "", "/payments/findAll/{merchant_uid}/{payment_status}", 200},
		{"GET", "/payments/findAll/order?page=9", "", "/payments/findAll/{merchant_uid}", 400},
		{"GET", "/payments/status/all", "", "/payments/status/{payment_status}", 200},
		{"GET", "/payments/status/canceled", "", "/payments/status/{payment_status}", 400},
		{"POST", "/payments/prepare", `{"merchant_uid":"next","amount":1}`, "/payments/prepare", 200},
		{"PUT", "/payments/prepare", `{"merchant_uid":"next","amount":2,"currency":"KRW"}`, "/payments/prepare", 200},
		{"PUT", "/payments/prepare", `{"merchant_uid":"nobody","amount":2}`, "/payments/prepare", 404},
		{"GET", "/payments/prepare/next", "", "/payments/prepare/{merchant_uid}", 200},
		{"POST", "/payments/cancel", `{"imp_uid":"imp_1","amount":1000}`, "/payments/cancel", 200},
		{"POST", "/payments/cancel", `{"imp_uid":"imp_9"}`, "/payments/cancel", 200},
		{"POST", "/vbanks", issueRequest, "/vbanks", 200},
		{"DELETE", "/vbanks/imp_1", "", "/vbanks/{imp_uid}", 400},
		{"DELETE", "/vbanks/imp_9", "", "/vbanks/{imp_uid}", 404},
	} {
		got := g.callWithToken(c.method, c.path, c.body)
		equal(t, got.status, c.status)
		described := doc.Paths.Value(c.described).GetOperation(c.method).Responses.Value(strconv.Itoa(c.status))
		var value any
		if err := json.Unmarshal([]byte(got.text), &value); err != nil {
			t.Fatal(err)
		}
		if err := described.Value.Content.Get("application/json").Schema.Value.VisitJSON(value); err != nil {
			t.Errorf("%s %s: %v\n%s", c.method, c.path, err, got.text)
		}
	}
}

// TestPaymentHasExactlyTheDescribedFields compares a payment with Iamport's OpenAPI description.
func TestPaymentHasExactlyTheDescribedFields(t *testing.T) {
	t.Parallel()
	doc, g := loadDescription(t), newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1"})
	fields := decodeResponse[map[string]any](g, g.callWithToken(http.MethodGet, "/payments/imp_1", ""))
	described := doc.Components.Schemas["PaymentAnnotation"].Value.Properties
	for name := range described {
		if _, ok := fields[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	equal(t, len(fields), len(described))
}
