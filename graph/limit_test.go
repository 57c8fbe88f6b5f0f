package graph_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/graph"
	"pointcharge/internal/auth"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/gqlguard"
	"pointcharge/internal/iamport"
	"pointcharge/internal/point"
)

// tight are limits that are reached by hand.
func tight(_ *world, r *graph.Resolver) {
	r.Introspection = true
	r.Limits = gqlguard.Limits{Body: 4000, Tokens: 100, Name: 30, Depth: 4, Aliases: 3, Directives: 2, RootFields: 4, MutationFields: 2, Fields: 20, Cost: 70,
		Introspection: 300, Errors: 2}
}

func TestEachLimitRefusesOneMoreThanItAllowsAndSaysWhich(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tight)
	const spread = " fragment f on User { id balance debt }"
	for refusal, queries := range map[string][2]string{
		"A document has at most 100 tokens.": {
			"{ viewer { id } }" + strings.Repeat(" #\n", 94), "{ viewer { id } }" + strings.Repeat(" #\n", 95)},
		"A name has at most 30 bytes.": {
			"{ " + strings.Repeat("a", 30) + ": __typename }", "{ " + strings.Repeat("a", 31) + ": __typename }"},
		"A document has at most 4 fields inside each other.": {
			"{ viewer { chargeOrders { edges { cursor } } } }", "{ viewer { chargeOrders(first: 1) { edges { node { status } } } } }"},
		"A document has at most 3 aliases.": {
			"{ viewer {" + repeat(3, " a#: id") + "} }", "{ viewer {" + repeat(4, " a#: id") + "} }"},
		"A document has at most 2 directives.": {
			"{ viewer { ... @include(if: true) { id @skip(if: false) } } }", "{ viewer @skip(if: false) { ... @include(if: true) { id @skip(if: false) } } }"},
		"A query has at most 4 fields at its root.": {
			"{" + repeat(2, " a#: __typename") + " ...q } fragment q on Query { viewer { id } chargeProducts { id } }",
			"{" + repeat(3, " a#: __typename") + " ...q } fragment q on Query { viewer { id } chargeProducts { id } }"},
		"A mutation has at most 2 fields at its root.": {
			"mutation {" + strings.Repeat(" __typename", 2) + "}", "mutation {" + strings.Repeat(" __typename", 3) + "}"},
		"A document has at most 20 fields, with its fragments put in.": {
			"{ viewer {" + strings.Repeat(" ...f", 4) + "} }" + spread, "{ viewer {" + strings.Repeat(" ...f", 4) + " id } }" + spread},
		"An answer has at most 70 fields, its lists as long as they may become (GRAPHQL_MAX_COST).": {
			"{ viewer { chargeOrders(first: 30) { edges { cursor } } } }",
			"{ viewer { chargeOrders(first: 31) { edges { cursor } } } }"},
		"An introspection has at most 300 fields, its lists as long as they may become.": {
			"{ __schema { types { name } } }", "{ __schema { types { fields { name description } } } }"},
	} {
		w.wantCode(w.ask("minji", queries[0]), "")
		r := w.ask("minji", queries[1])
		w.wantCode(r, point.InvalidArgument)
		if len(r.Errors) != 1 || r.Errors[0].Message != refusal {
			t.Errorf("%.100s: %s, want %s", queries[1], r.text, refusal)
		}
	}
}

func TestTheLimitOfABodyIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tight)
	head, tail := `{"query":"{ viewer { id } } #`, `"}`
	fits := head + strings.Repeat("x", 4000-len(head)-len(tail)) + tail
	if status, _, text := w.exchange("POST", "", "", fits); status != 200 {
		t.Errorf("%d bytes: %d %s", len(fits), status, text)
	}
	if status, _, text := w.exchange("POST", "", "", fits+" "); status != 413 || !strings.Contains(text, "at most 4000 bytes (GRAPHQL_MAX_BODY)") {
		t.Errorf("one byte more: %d %s", status, text)
	}
}

func TestErrorsOverTheLimitAreLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tight)
	for _, query := range []string{"{ viewer { a b c d } }", "{" + repeat(3, ` a#: chargeOrder(merchantUid: "?") { status }`) + "}"} {
		if r := w.ask("minji", query); len(r.Errors) != 2 {
			t.Errorf("%d errors, want 2: %s", len(r.Errors), r.text)
		}
	}
}

// slowly lets an operation have a moment only.
func slowly(gateway func(*world) point.Gateway) setting {
	return func(w *world, r *graph.Resolver) {
		w.points.Gateway = gateway(w)
		r.Limits.Time = 50 * time.Millisecond
	}
}

const timeOver = "An operation has at most 50ms (GRAPHQL_TIMEOUT). A change may have been made all the same."

func TestAnOperationEndsWithItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slowly(func(*world) point.Gateway { return silent{} }))
	r := w.charge("minji", "imp_1")
	w.wantCode(r, point.InvalidArgument)
	if len(r.Errors) != 1 || r.Errors[0].Message != timeOver {
		t.Errorf("it does not say why: %s", r.text)
	}
	if log := w.log.text.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "an operation took too long") {
		t.Errorf("the log says %s", log)
	}
}

// TestATimeThatEndsInTheDatabaseIsTheOperations: whoever holds the database keeps a statement until
// its context ends, and no driver says so in the same words.
func TestATimeThatEndsInTheDatabaseIsTheOperations(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		w := newWorldOn(t, db, slowly(func(w *world) point.Gateway { return w.points.Gateway }))
		tx := db.Begin()
		defer tx.Rollback()
		w.must(tx.Exec("UPDATE charge_products SET position = position").Error)
		r := w.askAs(w.token("boss", auth.RoleAdmin), strings.Replace(upsert, "p2", "p1", 1))
		if w.wantCode(r, point.InvalidArgument); len(w.log.errors()) > 0 || !strings.Contains(r.text, timeOver) {
			t.Errorf("%s, and the log says %s", r.text, w.log.text.String())
		}
	})
}

func TestATimeThatEndsWithTheGatewaySaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slowly(func(w *world) point.Gateway {
		hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // or the server does not notice that the client has gone
			<-r.Context().Done()
		}))
		w.Cleanup(hanging.Close)
		return iamport.New(iamport.Config{URL: hanging.URL, Key: "imp-key", Secret: impSecret})
	}))
	w.wantCode(w.charge("minji", "imp_1"), point.GatewayUnavailable)
}

func TestNoRefusalSuggestsANameOfTheSchema(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, query := range []string{
		"{ viewe { id } }",
		"{ viewer { balanc } }",
		"{ viewer { pointTransactions(firs: 1) { edges { cursor } } } }",
		"{ viewer { id @includ(if: true) } }",
		"{ viewer { id @include(iff: true) } }",
		"{ viewer { pointTransactions(kinds: [CHARG]) { edges { cursor } } } }",
		`{ viewer { pointTransactions(kinds: ["CHARGE"]) { edges { cursor } } } }`,
		`mutation { spendPoints(input: {userI: "x", amount: 1, reference: "r"}) { id } }`,
		"query($k: PointTransactionKin) { viewer { pointTransactions(kinds: [$k]) { edges { cursor } } } }",
		"{ viewer { ...f } } fragment f on Use { id }",
		"{ viewer { ... on Use { id } } }",
		"{ viewer }",
	} {
		r := w.ask("minji", query)
		w.wantCode(r, point.InvalidArgument)
		if strings.Contains(r.text, "Did you mean") {
			t.Errorf("%s: %s", query, r.text)
		}
	}
}

// What graphql-js's getIntrospectionQuery asks, and the playground with it.
func TestTheUsualIntrospectionFitsTheLimits(t *testing.T) {
	t.Parallel()
	query, err := os.ReadFile("testdata/introspection.graphql")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(_ *world, r *graph.Resolver) { r.Introspection = true })
	w.wantCode(w.askAs("", string(query)), "")
}

func TestLimitsThatAreNotSetAreTheDefaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *world, r *graph.Resolver) { r.Limits.Depth = 1 })
	w.wantCode(w.ask("minji", "{ viewer { id } }"), point.InvalidArgument)
	r := w.ask("minji", "{"+repeat(31, " a#: __typename")+"}")
	if !strings.Contains(r.text, fmt.Sprintf("at most %d", gqlguard.Limits{}.WithDefaults().RootFields)) {
		t.Errorf("got %s", r.text)
	}
}
