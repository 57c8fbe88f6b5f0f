package gqlguard_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"pointcharge/internal/gqlguard"
)

// setTightLimits sets limits that a test reaches by hand.
func setTightLimits(g *gqlguard.Guard) {
	g.Introspection = true
	g.Limits = gqlguard.Limits{Tokens: 100, Name: 30, Depth: 4, Aliases: 3, Directives: 2, RootFields: 4, MutationFields: 2, Fields: 20, Cost: 70,
		EventCost: 9, Introspection: 300, Errors: 2}
}

func TestEachLimitRefusesOneMoreThanItAllowsAndSaysWhich(t *testing.T) {
	t.Parallel()
	s := newServer(t, setTightLimits)
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
		"An event has at most 9 fields, its lists as long as they may become.": {
			"subscription { viewerTransactionAdded { id seq kind amount } }",
			"subscription { viewerTransactionAdded { id seq kind amount impUid } }"},
		"An introspection has at most 300 fields, its lists as long as they may become.": {
			"{ __schema { types { name } } }", "{ __schema { types { fields { name description } } } }"},
	} {
		s.wantAnswer(queries[0])
		if messages := s.ask(queries[1], nil); len(messages) != 1 || messages[0] != refusal {
			t.Errorf("%.100s: %q, want %s", queries[1], messages, refusal)
		}
	}
}

func TestNoRefusalSuggestsANameOfTheSchema(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
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
		messages := s.ask(query, nil)
		if len(messages) == 0 || strings.Contains(strings.Join(messages, " "), "Did you mean") {
			t.Errorf("%s: %q", query, messages)
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
	newServer(t, func(g *gqlguard.Guard) { g.Introspection = true }).wantAnswer(string(query))
}

func TestLimitsThatAreNotSetAreTheDefaults(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(g *gqlguard.Guard) { g.Limits.Depth = 1 })
	s.wantRefusal("{ viewer { id } }", "A document has at most 1 fields inside each other.")
	s.wantRefusal("{"+repeat(31, " a#: __typename")+"}", fmt.Sprintf("A query has at most %d fields", gqlguard.Limits{}.WithDefaults().RootFields))
}

// bomb is a query whose n fragments each spread the next one twice: 2^n times its leaf.
func bomb(n int) string {
	var b strings.Builder
	b.WriteString("{ viewer { ...f0 } }")
	for i := range n {
		fmt.Fprintf(&b, " fragment f%d on User { ...f%d ...f%d }", i, i+1, i+1)
	}
	fmt.Fprintf(&b, " fragment f%d on User { id }", n)
	return b.String()
}

func TestFragmentBombsAreRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	for _, n := range []int{15, 30} {
		s.wantRefusal(bomb(n), "A document has at most 1000 fields, with its fragments put in.")
	}
	s.wantRefusal(bomb(100), "A document has at most 1000 tokens.")
}

func TestCyclesOfTypesEndAtTheDepth(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	query := func(n int) string {
		return fmt.Sprintf(`{ chargeOrder(merchantUid: "m") { %s status %s } }`, strings.Repeat("transaction { order { ", n), strings.Repeat("} } ", n))
	}
	s.wantAnswer(query(5))
	s.wantRefusal(query(6), "A document has at most 12 fields inside each other.")
}

// A cycle with aliases of 1.4 KB once stopped a server.
func TestAliasesThatMultiplyAreRefused(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("{ viewer { chargeOrders { edges { node { ...f0 } } } } }")
	for i := range 20 {
		fmt.Fprintf(&b, " fragment f%d on ChargeOrder { a: transaction { order { ...f%d } } b: transaction { order { ...f%d } } }", i, i+1, i+1)
	}
	b.WriteString(" fragment f20 on ChargeOrder { status }")
	newServer(t, nil).wantRefusal(b.String(), "A document has at most 30 aliases.")
}

func TestLongPagesOfWideLinesAreRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	page := func(first, aliases int) string {
		line := "node { id kind amount balanceAfter impUid description createdAt order { merchantUid status price } }"
		var b strings.Builder
		for i := range aliases {
			fmt.Fprintf(&b, "a%d: pointTransactions(first: %d) { edges { cursor %s } } ", i, first, line)
		}
		return "{ viewer { " + b.String() + "} }"
	}
	s.wantAnswer(page(100, 1))
	s.wantRefusal(page(100, 9), "An answer has at most 10000 fields")
	messages := s.ask("query($n: Int!) { viewer { pointTransactions(first: $n) { edges { cursor } } } }", map[string]any{"n": 1_000_000_000})
	if len(messages) != 1 || !strings.HasPrefix(messages[0], "An answer has at most 10000 fields") {
		t.Errorf("a page of a billion lines is answered with %q", messages)
	}
}

func TestASchemaSaysWhatItsFieldsCost(t *testing.T) {
	t.Parallel()
	const query = `{ chargeOrder(merchantUid: "m") { transaction { id } checkout { amount } product { name } } }`
	s := func(limit int) server {
		return newServer(t, func(g *gqlguard.Guard) {
			g.Costs.ExpensiveFields = map[string]int{"ChargeOrder.transaction": 8}
			g.Costs.ExpensiveFields["ChargeOrder.checkout"] = 2
			g.Limits.Cost = limit
		})
	}
	s(5 + 8 + 1 + 2 + 1 + 5 + 1).wantAnswer(query)
	s(5+8+1+2+1+5).wantRefusal(query, "An answer has at most 22 fields")
}

func TestErrorsOverTheLimitAreLeftOut(t *testing.T) {
	t.Parallel()
	if messages := newServer(t, setTightLimits).ask("{ viewer { a b c d } }", nil); len(messages) != 2 {
		t.Errorf("%d errors, want 2: %q", len(messages), messages)
	}
}
