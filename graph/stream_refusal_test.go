package graph_test

import (
	"net/http"
	"strings"
	"testing"

	"pointcharge/internal/apierror"
)

func TestWhatIsNoRequestForAStreamHasAStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.url = w.newStreamServer().url
	const ok, asJSON = `{"query":"subscription { viewerTransactionAdded { seq } }"}`, "application/json"
	for _, test := range []struct {
		method, token, contentType, body string
		status                           int
		code                             apierror.Code
	}{
		{http.MethodPost, "", asJSON, ok, http.StatusUnauthorized, apierror.Unauthenticated},
		{http.MethodPost, "forged", asJSON, "nonsense", http.StatusUnauthorized, apierror.Unauthenticated},
		{http.MethodGet, "", "", "", http.StatusUnauthorized, apierror.Unauthenticated},
		{http.MethodPut, w.token("minji"), asJSON, ok, http.StatusMethodNotAllowed, apierror.InvalidArgument},
		{http.MethodPost, w.token("minji"), "text/plain", ok, http.StatusUnsupportedMediaType, apierror.InvalidArgument},
		{http.MethodPost, w.token("minji"), asJSON, "{", http.StatusBadRequest, apierror.InvalidArgument},
		{http.MethodPost, w.token("minji"), asJSON, "null", http.StatusBadRequest, apierror.InvalidArgument},
		{http.MethodPost, w.token("minji"), asJSON, `{"query": ""}`, http.StatusBadRequest, apierror.InvalidArgument},
		{http.MethodPost, w.token("minji"), asJSON, strings.Repeat(" ", 65<<10) + ok, http.StatusRequestEntityTooLarge, apierror.InvalidArgument},
	} {
		r := w.send(test.method, test.token, test.contentType, test.body)
		if w.wantCode(r, test.code); r.status != test.status {
			t.Errorf("%s %.20q: %d, want %d", test.method, test.body, r.status, test.status)
		}
	}
}

func TestRefusedOperationsAreEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.addLines("minji", 3, "three lines")
	c := w.newStreamServer()
	for _, query := range []string{
		"subscription {", "{ viewer { id } }", `mutation { createChargeOrder(productId: "p1") { status } }`,
		"subscription { nothing { seq } }", "subscription { __typename }", "subscription { a: __typename viewerTransactionAdded { seq } }",
		"subscription { viewerTransactionAdded { seq } b: viewerTransactionAdded { seq } }",
		"subscription { viewerTransactionAdded @skip(if: true) { seq } }",
		"subscription { viewerTransactionAdded(after: -1) { seq } }", "subscription { viewerTransactionAdded(after: 4) { seq } }",
		"subscription { viewerTransactionAdded(after: 2147483648) { seq } }", `subscription { viewerTransactionAdded(after: "1") { seq } }`,
		"subscription { viewerTransactionAdded { " + strings.Repeat("reverses { ", 12) + "seq" + strings.Repeat(" }", 12) + " } }",
	} {
		if c.open(c.token("minji"), query, nil).wantRefusal(apierror.InvalidArgument); t.Failed() {
			t.Fatal(query)
		}
	}
	if lines := w.log.errors(); len(lines) > 0 {
		t.Errorf("logged as faults of ours: %q", lines)
	}
}

func TestAStreamCanBeOpenedByGET(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.addLines("minji", 2, "two lines")
	c := w.newStreamServer()
	c.url += `?query=subscription($a:Int)%7BviewerTransactionAdded(after:$a)%7Bseq%7D%7D&variables=%7B%22a%22:1%7D`
	l := c.get(c.token("minji"))
	if seq := l.seq(); seq != 2 {
		t.Errorf("line %d", seq)
	}
}

func TestSubscriptionsAreNotServedWhereOneAnswerIsAwaited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wantCode(w.ask("minji", "subscription { viewerTransactionAdded { seq } }"), apierror.InvalidArgument)
}
