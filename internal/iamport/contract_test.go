package iamport_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"pointcharge/internal/charge"
	"pointcharge/internal/iamport"
)

// description is PortOne's own description of its REST interface.
func description(t *testing.T) routers.Router {
	t.Helper()
	const path = "../../../shared/iamport/v1.oas3.json"
	if _, err := os.Stat(path); err != nil {
		t.Skipf("PortOne's OpenAPI file is not here, so nothing was compared with it: %v", err)
	}
	doc, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// supervised compares every request and every answer that passes with the description.
func supervised(t *testing.T, router routers.Router, iamport http.Handler) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route, params, err := router.FindRoute(r)
		if err != nil {
			t.Errorf("%s %s is not described: %v", r.Method, r.URL, err)
			return
		}
		request := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}
		if err := openapi3filter.ValidateRequest(r.Context(), request); err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		recorded := httptest.NewRecorder()
		iamport.ServeHTTP(recorded, r)
		compareAnswer(r.Context(), t, request, recorded)
		w.WriteHeader(recorded.Code)
		w.Write(recorded.Body.Bytes())
	})
}

func compareAnswer(
	ctx context.Context, t *testing.T, request *openapi3filter.RequestValidationInput, got *httptest.ResponseRecorder,
) {
	t.Helper()
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request,
		Status:                 got.Code,
		Header:                 http.Header{"Content-Type": {"application/json"}},
		Options:                &openapi3filter.Options{IncludeResponseStatus: true},
	}
	answer.SetBodyBytes(got.Body.Bytes())
	if err := openapi3filter.ValidateResponse(ctx, answer); err != nil {
		t.Errorf("the answer to %s %s: %v", request.Request.Method, request.Request.URL, err)
	}
}

// described answers as Iamport does, with a golden payment, and one for accounts.
func described(payment, account string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /users/getToken", respond(200, grant("token", 1763795000, 1763796800)))
	mux.Handle("GET /payments/{imp_uid}", respond(200, okEnvelope(payment)))
	mux.Handle("GET /payments/imp_unknown", respond(404, `{"code":-1,"message":"없음","response":null}`))
	mux.Handle("GET /payments/findAll/{merchant_uid}", respond(200, listResponse(0, payment)))
	mux.Handle("POST /payments/cancel", respond(200, okEnvelope(payment)))
	mux.Handle("POST /vbanks", respond(200, okEnvelope(account)))
	mux.Handle("DELETE /vbanks/{imp_uid}", respond(200, okEnvelope(payment)))
	mux.HandleFunc("POST /payments/prepare", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		io.WriteString(w, okEnvelope(string(body)))
	})
	return mux
}

func TestRequestsAndAnswersAreAsPortOneDescribesThem(t *testing.T) {
	t.Parallel()
	router := description(t)
	for _, name := range []string{"full.json", "nulls.json"} {
		payment := readGolden(t, name)
		var is struct {
			ImpUID      string `json:"imp_uid"`
			MerchantUID string `json:"merchant_uid"`
		}
		if err := json.Unmarshal([]byte(payment), &is); err != nil {
			t.Fatal(err)
		}
		for _, includeSandbox := range []bool{false, true} {
			client := iamport.New(iamport.Config{
				URL: "http://iamport.test", Key: "key", Secret: "secret", IncludeSandbox: includeSandbox,
				ChannelKey: "channel", NoticeURL: "https://shop.example/hook",
				Transport: inMemory{supervised(t, router, described(payment, readGolden(t, "full.json")))},
			})
			useEverything(t, client, is.ImpUID, is.MerchantUID)
		}
	}
}

// useEverything calls every method with every field set.
func useEverything(t *testing.T, c *iamport.Client, impUID, merchantUID string) {
	t.Helper()
	cancel := newRefund()
	cancel.ImpUID, cancel.Notify = impUID, true
	cancel.Account = &charge.RefundAccount{Holder: "홍길동", Bank: "04", Number: "110-1", Phone: "010"}
	_, payment := c.Payment(t.Context(), impUID)
	_, payments := c.Payments(t.Context(), merchantUID)
	_, cancelled := c.Cancel(t.Context(), cancel)
	prepared := c.Prepare(t.Context(), merchantUID, 1050, "USD")
	_, revoked := c.RevokeVirtualAccount(t.Context(), impUID)
	order := newAccountOrder()
	order.MerchantUID, order.Amount = "charge-1", 25000
	_, issued := c.IssueVirtualAccount(t.Context(), order)
	for _, err := range []error{payment, payments, cancelled, prepared, revoked, issued} {
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Payment(t.Context(), "imp_unknown"); err == nil {
		t.Error("an unknown payment was found")
	}
}
