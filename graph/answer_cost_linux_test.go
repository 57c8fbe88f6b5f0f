package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pointcharge/graph"
	"pointcharge/internal/auth"
	"pointcharge/internal/charge"
	"pointcharge/internal/feed"
	"pointcharge/internal/gqlhttp"
	"pointcharge/internal/point"
	"pointcharge/internal/ratelimit"
)

// maxAnswerCPU bounds the processor time of any answer that a signed-in user may ask for: three
// times the dearest of these, which takes 56 to 84 ms for thirty pages.
const maxAnswerCPU = 250 * time.Millisecond

// maxAnswerMemory bounds the memory that an answer allocates. Most of it is garbage before the
// answer is sent.
const maxAnswerMemory = 64 << 20

// expensiveQueries are the dearest requests for data found that just fit the limits.
func expensiveQueries() map[string]request {
	page := func(list, body string) string {
		return list + "(first: 100) { edges { node {" + body + "} } }"
	}
	lookups := func(list string, first int, body string) string { // as many as the limit allows
		return fmt.Sprintf("{ viewer { %s(first: %d) { edges { node {%s} } } } }", list, first, body)
	}
	charges := func(first int, body string) string {
		return fmt.Sprintf("{ viewer { pointTransactions(first: %d, kinds: CHARGE) { edges { node {%s} } } } }", first, body)
	}
	const line = " order { transaction { order { transaction { order { transaction { order { price } } } } } } }"
	return map[string]request{
		"look-ups beside each other":  {Query: lookups("chargeOrders", 99, repeatNumbered(24, " a#: product { id }"))},
		"virtual accounts":            {Query: lookups("chargeOrders", 99, repeatNumbered(24, " a#: virtualAccount { bank }"))},
		"transactions":                {Query: lookups("chargeOrders", 99, repeatNumbered(24, " a#: transaction { id }"))},
		"look-ups inside each other":  {Query: charges(99, repeatNumbered(4, " a#: "+line))},
		"lists of each line":          {Query: lookups("pointTransactions", 99, " sources { amount }"+repeatNumbered(10, " a#: order { price }"))},
		"lots of each line":           {Query: lookups("pointTransactions", 48, " sources { lot { id } }")},
		"charges of each line":        {Query: lookups("pointTransactions", 27, " sources { lot { transaction { id } } }")},
		"statements of pages":         {Query: "{ viewer {" + repeatNumbered(28, " a#: pointTransactions(first: 12, kinds: CHARGE) { ...f }") + "} } fragment f on PointTransactionConnection { edges { node { reverses { id } order { product { id } transaction { order { price } } virtualAccount { bank } } } } }"},
		"pages of pages":              {Query: "{ viewer {" + repeatNumbered(30, " a#: "+page("chargeOrders", " price")) + "} }"},
		"wallets":                     {Query: "{" + repeatNumbered(20, " a#: viewer { balance chargeOrders(first: 100) { edges { node { price } } } }") + "}"},
		"all there is of a wallet":    {Query: "{ viewer { balanceExplained(first: 37) { edges { node { id transaction { id } } uses { amount transaction { id } } } } } }"},
		"products":                    {Query: "{" + repeatNumbered(20, " a#: chargeProducts { id name price points bonusPoints active position }") + "}"},
		"kinds that no kind is":       {Query: "query($k: [PointTransactionKind!]) { viewer { ...f } } fragment f on User {" + repeatNumbered(30, " a#: pointTransactions(first: 1, kinds: $k) { edges { cursor } }") + "}", Variables: map[string]any{"k": slices.Repeat([]string{"CHARGE"}, 7000)}},
		"a buyer of long names":       {Query: lookups("chargeOrders", 99, repeatNumbered(2, " a#: checkout {"+repeatNumbered(7, " b#: buyerName c#: buyerEmail")+"}"))},
		"long names of what is there": {Query: "{ viewer { chargeOrders(first: 100) { edges { node {" + repeatNumbered(30, " a"+strings.Repeat("x", 61)+"#: merchantUid") + "} } } } }"},
	}
}

// spendBackAndForth spends points and cancels the spend so many times: each of the lines has all
// the lots of the points as its sources, and each of the lots all the lines as its uses.
func spendBackAndForth(t *testing.T, r *graph.Resolver, times int, points int64) {
	t.Helper()
	for i := range times {
		spend := point.SpendInput{UserID: "minji", Amount: points, Reference: fmt.Sprint("s", i), Actor: point.Actor{Kind: point.ActorService, ID: "shop"}}
		if _, err := r.Points.Spend(t.Context(), spend); err != nil {
			t.Fatal(err)
		}
		back := point.CancelSpendInput{UserID: "minji", Reference: spend.Reference, Amount: points, Cancellation: fmt.Sprint("c", i), Actor: spend.Actor}
		if _, err := r.Points.CancelSpend(t.Context(), back); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheDearestAnswersWithinTheLimits(t *testing.T) { //nolint:paralleltest // it measures
	resolver := newPopulatedResolver(t, 100)
	for i := range 49 {
		product := charge.Product{ID: fmt.Sprint("q", i), Name: strings.Repeat("가", 40), Price: 5000, Points: 5000, Active: true}
		if _, err := resolver.Charges.UpsertProduct(t.Context(), product); err != nil {
			t.Fatal(err)
		}
	}
	spendBackAndForth(t, resolver, 25, 5_000)
	handler, ctx := resolver.Handler(), contextOfMinji(t, auth.RoleUser)
	for name, asked := range expensiveQueries() { //nolint:paralleltest // it measures
		t.Run(name, func(t *testing.T) {
			body, err := json.Marshal(asked)
			if err != nil {
				t.Fatal(err)
			}
			least, allocated, answer := time.Hour, uint64(0), ""
			for range tries {
				r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body))).WithContext(ctx)
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				began := processCPU(t)
				handler.ServeHTTP(w, r)
				least = min(least, processCPU(t)-began)
				runtime.ReadMemStats(&after)
				allocated, answer = after.TotalAlloc-before.TotalAlloc, w.Body.String()
			}
			t.Logf("%6.1f ms, %d KB allocated, %d KB answer for %s: %.200s", least.Seconds()*1000, allocated>>10, len(answer)>>10, name, answer)
			if strings.Contains(answer, " has at most ") {
				t.Errorf("it does not fit: %.300s", answer)
			}
			if least > maxAnswerCPU*slowdown || allocated > maxAnswerMemory {
				t.Errorf("it took %s of a processor and %d bytes of memory", least, allocated)
			}
		})
	}
}

// A stream is asked for once and answered for each line: four hundred of them here, with as many
// look-ups as the limit allows.
func TestTheDearestEventsWithinTheLimits(t *testing.T) { //nolint:paralleltest // it measures
	resolver := newPopulatedResolver(t, 200)                        // each of two lines: what was charged, and the bonus
	unlimited := ratelimit.Rate{Limit: 1_000_000, Burst: 1_000_000} // the test measures CPU, and need not wait for the usual rate
	resolver.Feed = feed.New(feed.Config{Points: resolver.Points, Log: resolver.Log, Rate: unlimited})
	t.Cleanup(resolver.Feed.Close)
	handler := resolver.StreamHandler(gqlhttp.StreamOptions{})
	asked, err := json.Marshal(request{Query: "subscription { viewerTransactionAdded(after: 0) { seq" + repeatNumbered(2, " a#: order { transaction { order { transaction { order { transaction { order { transaction { order { status } } } } } } } } }") + repeatNumbered(4, " b#: order { price }") + " } }"})
	if err != nil {
		t.Fatal(err)
	}
	least := time.Hour
	for range tries {
		ctx, cancel := context.WithCancel(contextOfMinji(t, auth.RoleUser))
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(asked))).WithContext(ctx)
		r.Header.Set("Content-Type", "application/json")
		w := &lastEvent{ResponseRecorder: httptest.NewRecorder(), last: `"seq":400,`, seen: cancel}
		began := processCPU(t)
		handler.ServeHTTP(w, r)
		least = min(least, processCPU(t)-began)
		if events := strings.Count(w.Body.String(), "event: next"); events != 400 {
			t.Fatalf("%d events: %.500s", events, w.Body)
		}
	}
	t.Logf("%6.2f ms for each event", least.Seconds()*1000/400)
	if least > 400*maxEventCPU*slowdown {
		t.Errorf("400 events took %s of a processor", least)
	}
}

// maxEventCPU bounds the processor time of an event: three times the dearest one.
const maxEventCPU = 6 * time.Millisecond

// lastEvent is a client that leaves after the last event.
type lastEvent struct {
	*httptest.ResponseRecorder

	last string
	seen func()
}

func (*lastEvent) SetWriteDeadline(time.Time) error { return nil }

func (l *lastEvent) Write(text []byte) (int, error) {
	if strings.Contains(string(text), l.last) {
		defer l.seen()
	}
	return l.ResponseRecorder.Write(text)
}
