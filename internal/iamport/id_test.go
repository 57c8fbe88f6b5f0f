package iamport_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/iamport"
)

// wanted is the form of an imp_uid, written differently than in the code.
const wanted = `^[A-Za-z0-9_-]{1,64}$`

// askEverything calls every method that takes an id from outside.
func askEverything(t *testing.T, c *iamport.Client, id string) []error {
	t.Helper()
	_, payment := c.Payment(t.Context(), id)
	_, payments := c.Payments(t.Context(), id)
	_, cancel := c.Cancel(t.Context(), charge.Cancel{ImpUID: id, Currency: "KRW", Amount: 1, Checksum: 1})
	return []error{payment, payments, cancel, c.Prepare(t.Context(), id, 1, "KRW")}
}

func TestF1ImpossibleIDsNeverReachIamport(t *testing.T) {
	t.Parallel()
	stub := newStub(respondPaid)
	client := stub.timeless(iamport.Config{})
	for _, id := range []string{
		"", " ", ".", "..", "imp_1?include_sandbox=true", "imp_1?x=1", "find/order-1", "imp_1#", "imp_1/", "imp_1%2f..",
		"%2e%2e", "imp_1&x=1", "imp 1", "imp_1\n", "imp_1\x00", "imp_１", "아임포트", "imp_1;x", `imp_1\`, "imp_1:80", "@host",
		strings.Repeat("a", 65), strings.Repeat("a", 10_000), "\xff\xfe",
	} {
		for _, err := range askEverything(t, client, id) {
			wantCode(t, err, apierror.InvalidArgument)
		}
	}
	wantCount(t, "requests", stub.requests.Load()+stub.getTokens.Load(), 0)
}

// FuzzPaymentID: for every id, the client sends either no request, or exactly the id in one path
// segment.
func FuzzPaymentID(f *testing.F) {
	for _, seed := range []string{"imp_1", "imp_1?include_sandbox=true", "../x", "%2f", "imp_\x00", "아", ""} {
		f.Add(seed)
	}
	possible := regexp.MustCompile(wanted)
	f.Fuzz(func(t *testing.T, id string) {
		stub := newStub(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.EscapedPath() != "/payments/"+id || r.URL.RawQuery != "" {
				t.Errorf("id %q became %s", id, r.URL)
			}
			respondPaid(w, r)
		})
		_, err := stub.timeless(iamport.Config{}).Payment(t.Context(), id)
		if possible.MatchString(id) {
			if err != nil {
				t.Errorf("id %q: %v", id, err)
			}
			return
		}
		wantCode(t, err, apierror.InvalidArgument)
		wantCount(t, "requests", stub.requests.Load()+stub.getTokens.Load(), 0)
	})
}
