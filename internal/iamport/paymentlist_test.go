package iamport_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/iamport"
	"pointcharge/internal/sandbox"
)

// recentListing lists what was paid within the last hour.
func recentListing(page int) charge.Listing {
	now := time.Now()
	return charge.Listing{Status: charge.Paid, From: now.Add(-time.Hour), To: now, Page: page}
}

func TestPaymentListAsksForAPeriodByStatus(t *testing.T) {
	t.Parallel()
	stub := newStub(func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.RequestURI(); got != "/payments/status/cancelled?from=100&limit=7&page=2&sorting=paid&to=200" {
			t.Errorf("asked for %s", got)
		}
		io.WriteString(w, listResponse(3, minimalPayment("imp_1"), minimalPayment("imp_2", "false", "true")))
	})
	page, err := stub.timeless(iamport.Config{PageSize: 7}).PaymentList(t.Context(), charge.Listing{
		Status: charge.Cancelled, From: time.Unix(100, 0), To: time.Unix(200, 0), Page: 2})
	if err != nil || page.Total != 9 || page.Next != 3 || len(page.Payments) != 2 || !page.Payments[1].Sandbox {
		t.Errorf("got %+v, %v", page, err)
	}
}

func TestOneBadPaymentDoesNotSpoilItsPage(t *testing.T) {
	t.Parallel()
	stub := newStub(respond(200, listResponse(0, minimalPayment("imp_1"), minimalPayment("imp_2", "paid", "odd"), `{"imp_uid":"a/b"}`, `7`,
		`{"imp_uid":7}`, minimalPayment("imp_3", "5000", `"many"`), minimalPayment("imp_4"))))
	page, err := stub.timeless(iamport.Config{}).PaymentList(t.Context(), recentListing(1))
	if err != nil || len(page.Payments) != 2 {
		t.Fatalf("got %+v, %v", page, err)
	}
	var ids []string
	for _, u := range page.Unreadable {
		ids = append(ids, u.ImpUID)
		if u.Why == "" {
			t.Errorf("%s is unreadable for no reason", u.ImpUID)
		}
	}
	if want := []string{"imp_2", "", "", "", "imp_3"}; !slices.Equal(ids, want) {
		t.Errorf("unreadable are %q, want %q", ids, want)
	}
}

func TestAPageThatIsGoneIsEmpty(t *testing.T) {
	t.Parallel()
	for status, body := range map[int]string{400: `{"code":1,"message":"범위","response":null}`, 404: `{"code":1,"response":null}`} {
		client := newStub(respond(status, body)).timeless(iamport.Config{})
		if page, err := client.PaymentList(t.Context(), recentListing(2)); err != nil || page.Total != 0 || page.Next != 0 {
			t.Errorf("status %d: %+v, %v", status, page, err)
		}
	}
}

func TestAListThatIsNoneIsNoEmptyPage(t *testing.T) {
	t.Parallel()
	refusal := `{"code":1,"message":"조회기간은 최대 90일입니다.","response":null}`
	for name, answer := range map[string]http.HandlerFunc{
		"null":                    respond(200, okEnvelope("null")),
		"an array":                respond(200, okEnvelope("[]")),
		"no total":                respond(200, okEnvelope(`{"next":0,"list":[]}`)),
		"a page that is next":     respond(200, listResponse(1, minimalPayment("imp_1"))),
		"a page that is left out": respond(200, listResponse(3, minimalPayment("imp_1"))),
		"a refusal":               respond(400, refusal),
		"a proxy's 404":           respond(404, "<html>"),
	} {
		_, err := newStub(answer).timeless(iamport.Config{}).PaymentList(t.Context(), recentListing(1))
		if apierror.CodeOf(err) != apierror.GatewayUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnImpossibleListIsNotAskedFor(t *testing.T) {
	t.Parallel()
	stub := newStub(respondPaid)
	for _, change := range []func(*charge.Listing){
		func(l *charge.Listing) { l.Status = "all/../x" },
		func(l *charge.Listing) { l.Page = 0 },
		func(l *charge.Listing) { l.To = l.From.Add(-time.Second) },
	} {
		l := recentListing(1)
		change(&l)
		_, err := stub.timeless(iamport.Config{}).PaymentList(t.Context(), l)
		wantCode(t, err, apierror.InvalidArgument)
	}
	wantCount(t, "requests", stub.requests.Load(), 0)
}

// TestAFullPageIsRead has payments as large as they come: with names, addresses, data and a
// history.
func TestAFullPageIsRead(t *testing.T) {
	t.Parallel()
	box, client := newSandbox(t, iamport.Config{})
	for i := range 1001 {
		box.Put(sandbox.Payment{
			ImpUID: fmt.Sprintf("imp_%012d", i), MerchantUID: fmt.Sprintf("order-%d", i), Amount: sandbox.Won(5000),
			Name: "포인트 5,000", BuyerName: "김민지", BuyerAddr: "서울특별시 강남구 테헤란로 1", UserAgent: sandbox.Text(strings.Repeat("Mozilla ", 30)),
			CustomData: sandbox.Text(strings.Repeat(`{"k":"v"}`, 600)), ReceiptURL: "https://example.com/receipt",
		})
	}
	first, err := client.PaymentList(t.Context(), recentListing(1))
	if err != nil || first.Total != 1001 || len(first.Payments) != 1000 || first.Next != 2 {
		t.Fatalf("%d payments of %d, next %d, %v", len(first.Payments), first.Total, first.Next, err)
	}
	size := 0
	for _, p := range first.Payments {
		size += len(p.Raw)
	}
	if size < 6<<20 {
		t.Errorf("a page of %d bytes proves little", size)
	}
	second, err := client.PaymentList(t.Context(), recentListing(2))
	if err != nil || len(second.Payments) != 1 || second.Next != 0 || second.Payments[0].ImpUID != "imp_000000001000" {
		t.Fatalf("%+v, %v", second, err)
	}
	if gone, err := client.PaymentList(t.Context(), recentListing(3)); err != nil || gone.Total != 0 {
		t.Errorf("%+v, %v", gone, err)
	}
}
