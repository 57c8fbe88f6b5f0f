package iamport_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/iamport"
)

func listResponse(next int, payments ...string) string {
	return okEnvelope(fmt.Sprintf(`{"total":9,"previous":0,"next":%d,"list":[%s]}`, next, strings.Join(payments, ",")))
}

func TestPaymentsReadsEveryPage(t *testing.T) {
	t.Parallel()
	stub := newStub(func(w http.ResponseWriter, r *http.Request) {
		next := map[string]int{"1": 2, "2": 3, "3": 0}
		page := r.URL.Query().Get("page")
		if sorting := r.URL.Query().Get("sorting"); sorting != "started" {
			t.Errorf("sorted by %q: a new attempt would shift the pages", sorting)
		}
		io.WriteString(w, listResponse(next[page], minimalPayment("imp_a"+page), minimalPayment("imp_b"+page, "false", "true")))
	})
	payments, err := stub.timeless(iamport.Config{}).Payments(t.Context(), "order-1")
	if err != nil || len(payments) != 6 {
		t.Fatalf("%d payments, %v", len(payments), err)
	}
	if last := payments[5]; last.ImpUID != "imp_b3" || !last.Sandbox {
		t.Errorf("the last payment is %+v; test payments are kept and marked (F20)", last)
	}
}

func TestAnOrderWithoutAttemptsHasNoPayments(t *testing.T) {
	t.Parallel()
	for status, body := range map[int]string{404: `{"code":-1,"message":"없음","response":null}`, 200: listResponse(0)} {
		payments, err := newStub(respond(status, body)).timeless(iamport.Config{}).Payments(t.Context(), "order-1")
		if err != nil || len(payments) != 0 {
			t.Errorf("status %d: %v, %v", status, payments, err)
		}
	}
}

func TestOneUnreadableAttemptHidesNoOther(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]string{
		"an amount in words": minimalPayment("imp_bad", "5000", `"abc"`),
		"another order":      minimalPayment("imp_bad", "order-1", "order-2"),
		"null":               "null",
		"a list":             "[]",
	} {
		stub := newStub(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("page") == "1" {
				io.WriteString(w, listResponse(2, bad, minimalPayment("imp_1")))
				return
			}
			io.WriteString(w, listResponse(0, minimalPayment("imp_2"), bad))
		})
		payments, err := stub.timeless(iamport.Config{}).Payments(t.Context(), "order-1")
		if apierror.CodeOf(err) != apierror.GatewayUnavailable || !errors.Is(err, charge.ErrUntrustworthy) {
			t.Errorf("%s: %v", name, err)
		}
		if len(payments) != 2 || payments[0].ImpUID != "imp_1" || payments[1].ImpUID != "imp_2" {
			t.Errorf("%s: unexpected payments %+v", name, payments)
		}
	}
}

// TestAnUnansweredPageHidesNotTheOnesBefore: the caller gets the pages read so far, and an error
// about the rest.
func TestAnUnansweredPageHidesNotTheOnesBefore(t *testing.T) {
	t.Parallel()
	stub := newStub(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") == "1" {
			io.WriteString(w, listResponse(2, minimalPayment("imp_1")))
			return
		}
		w.WriteHeader(http.StatusBadRequest)
	})
	payments, err := stub.timeless(iamport.Config{}).Payments(t.Context(), "order-1")
	if apierror.CodeOf(err) != apierror.GatewayUnavailable || len(payments) != 1 {
		t.Errorf("%+v, %v", payments, err)
	}
}

func TestUnreadableListIsNotAnEmptyOne(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"null":                      okEnvelope("null"),
		"bare array":                okEnvelope("[]"),
		"another order":             listResponse(0, minimalPayment("imp_1", "order-1", "order-2")),
		"one bad payment":           listResponse(0, minimalPayment("imp_1"), minimalPayment("imp_2", "paid", "odd")),
		"next page is the same":     listResponse(1, minimalPayment("imp_1")),
		"next page goes back":       listResponse(-1, minimalPayment("imp_1")),
		"more pages than there are": listResponse(21, minimalPayment("imp_1")),
	} {
		stub := newStub(respond(200, body))
		_, err := stub.timeless(iamport.Config{}).Payments(t.Context(), "order-1")
		if apierror.CodeOf(err) != apierror.GatewayUnavailable || stub.requests.Load() != 1 {
			t.Errorf("%s: %v after %d requests", name, err, stub.requests.Load())
		}
	}
}
