package graph_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"pointcharge/graph"
	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
	"pointcharge/internal/gqlguard"
	"pointcharge/internal/ratelimit"
)

// lookupFlood asks for as many pages of orders, with six look-ups for each page.
func lookupFlood(aliases, first int) string {
	return "{ viewer {" + repeatNumbered(aliases, fmt.Sprintf(" a#: chargeOrders(first: %d) { ...f }", first)) + `} } fragment f on ChargeOrderConnection {
		edges { node { product { id } virtualAccount { bank } transaction { order { product { id } transaction { id } } } } } }`
}

func TestAnOperationCountsAsManyRequestsAsItCosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limitRequests(ratelimit.NewLimit(burstOf(50), burstOf(1000))))
	w.url = w.limited
	w.wantCode(w.ask("minji", lookupFlood(7, 27)), "") // as 55: a bucket that is half full owes the rest
	r := w.ask("minji", `{ viewer { balance } }`)
	w.wantCode(r, apierror.RateLimited)
	for range 2 {
		w.wantCode(w.ask("junho", lookupFlood(1, 27)), "")
	}
	for range 40 {
		r = w.ask("junho", lookupFlood(1, 27))
	}
	if r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", r.status, r.header, r.text)
	}
	w.wantCode(w.askAs(w.token("shop", auth.RoleService), lookupFlood(7, 27)), "") // not counted
	for range 40 {
		w.wantCode(w.ask("seoyeon", `{ viewer { balance } chargeProducts { id price } }`), "")
	}
}

func TestARefusalOfADearOperationSaysWhatItCountsAs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limitRequests(ratelimit.NewLimit(burstOf(20), burstOf(1000))))
	w.url = w.limited
	for range 11 {
		w.wantCode(w.ask("minji", `{ viewer { balance } }`), "")
	}
	r := w.ask("minji", lookupFlood(7, 27))
	if r.status != http.StatusTooManyRequests || r.code() != apierror.RateLimited || !strings.Contains(r.text, "counts as 55") ||
		r.header.Get("Retry-After") != fmt.Sprint(r.Errors[0].Extensions.RetryAfter) {
		t.Errorf("%d %v %s", r.status, r.header, r.text)
	}
}

func TestAnAnswerHasABoundOfLookups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.order("minji")
	w.wantCode(w.ask("minji", lookupFlood(7, 27)), "")
	for _, query := range []string{lookupFlood(30, 1), "{ viewer {" + repeatNumbered(7, " a#: chargeOrders(first: 50) { edges { node { checkout { name } } } }") + "} }"} {
		r := w.ask("minji", query)
		if r.code() != apierror.InvalidArgument || !strings.Contains(r.text, "at most 200 look-ups") {
			t.Errorf("%.300s", r.text)
		}
	}
}

// TestLookupsOfListsThatTurnOutLongAreBounded: the list sources has no argument first, so only its
// reading tells how long it is.
func TestLookupsOfListsThatTurnOutLongAreBounded(t *testing.T) {
	t.Parallel()
	limit := ratelimit.NewLimit(burstOf(100), burstOf(1000))
	w := newWorld(t, func(_ *world, r *graph.Resolver) { r.Limits = gqlguard.Limits{Lookups: 8} }, limitRequests(limit))
	for range 8 {
		w.charge("minji", w.pay(w.order("minji")))
	}
	w.askAs(w.token("shop", auth.RoleService), `mutation { spendPoints(input: {userId: "minji", amount: 40000, reference: "r"}) { id } }`)
	const sources = `{ viewer { pointTransactions(first: 1, kinds: [SPEND]) { edges { node { sources { %s } } } } } }`
	w.url = w.limited
	w.wantCode(w.ask("minji", fmt.Sprintf(sources, "amount")), "")
	r := w.ask("minji", fmt.Sprintf(sources, "lot { transaction { order { checkout { name } } } }"))
	if r.code() != apierror.InvalidArgument || !strings.Contains(r.text, "at most 8 look-ups") {
		t.Errorf("%.300s", r.text)
	}
}

func TestDearOperationsUnderWayAreBounded(t *testing.T) {
	t.Parallel()
	limit := &ratelimit.ConcurrencyLimit{User: 10, Address: 100}
	w := newWorld(t, func(_ *world, r *graph.Resolver) { r.CostLimit = limit })
	release, _ := limit.AcquireN("minji", netip.Addr{}, 8)
	if r := w.ask("minji", lookupFlood(1, 27)); r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") != "1" {
		t.Errorf("%d %s", r.status, r.text)
	}
	w.wantCode(w.ask("minji", `{ viewer { balance } }`), "")
	w.wantCode(w.ask("junho", lookupFlood(7, 27)), "")
	release()
	var askers sync.WaitGroup
	for range 3 { // each leaves when its answer is written
		w.wantCode(w.ask("seoyeon", `{ viewer { balance } }`), "")
		askers.Go(func() { w.wantCode(w.ask("minji", `{ viewer { balance } }`), "") })
	}
	askers.Wait()
}
