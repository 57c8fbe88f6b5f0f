package gqlguard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
	"pgregory.net/rapid"

	"pointcharge/internal/gqlguard"
)

// Our rule agrees with gqlparser's, which is too expensive to use, about every document.
func TestFieldsAreMergedAsTheSpecificationSays(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(g *gqlguard.Guard) {
		g.Limits = gqlguard.Limits{Tokens: 100_000, Depth: 1000, Aliases: 100_000, Directives: 100_000, RootFields: 100_000, Fields: 1_000_000, Cost: 1_000_000}
	})
	schema := newGuard(t).Schema
	var verdicts [2]int
	rapid.Check(t, func(t *rapid.T) {
		query := scribble(t)
		document, err := parser.ParseQuery(&ast.Source{Input: query})
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		want := validator.ValidateWithRules(schema, document, rules.NewDefaultRules())
		got := server.ask(query, nil)
		if (len(got) == 0) != (len(want) == 0) {
			t.Fatalf("%s\nwe say %q, gqlparser says %v", query, got, want)
		}
		verdicts[min(len(want), 1)]++
	})
	if verdicts[0] == 0 || verdicts[1] == 0 {
		t.Errorf("%v documents had no conflict and some: nothing was compared", verdicts)
	}
}

// scribble is a document with some fields of the same response name, in inline fragments and
// fragments too.
func scribble(t *rapid.T) string {
	s := &scribbler{t, map[string]bool{}}
	var b strings.Builder
	fmt.Fprintf(&b, `{ chargeOrder(merchantUid: "x") {%s} chargeOrder(merchantUid: "x") {%s} }`, s.set("ChargeOrder", 0, 3), s.set("ChargeOrder", 0, 3))
	for i := 1; i <= maxScribbled; i++ {
		for _, on := range []string{"ChargeOrder", "PointTransaction"} {
			if name := fmt.Sprint(on, i); s.used[name] {
				fmt.Fprintf(&b, " fragment %s on %s {%s}", name, on, s.set(on, i, 2))
			}
		}
	}
	return b.String()
}

const maxScribbled = 3

type scribbler struct {
	t    *rapid.T
	used map[string]bool // fragments
}

func (s *scribbler) below(n int) int { return rapid.IntRange(0, n-1).Draw(s.t, "choice") }

// set is what is selected of an object, outside of any fragment or inside of the one with that
// number.
func (s *scribbler) set(on string, fragment, depth int) string {
	leaves, branch := []string{"price", "status", "payMethod"}, "transaction"
	if on == "PointTransaction" {
		leaves, branch = []string{"amount", "kind", "seq"}, "order"
	}
	under := map[string]string{"ChargeOrder": "PointTransaction", "PointTransaction": "ChargeOrder"}[on]
	var b strings.Builder
	for range 1 + s.below(3) {
		switch pick := s.below(10); {
		case depth > 0 && pick < 2:
			fmt.Fprintf(&b, " %s {%s}", branch, s.set(under, fragment, depth-1))
		case depth > 0 && pick < 4:
			fmt.Fprintf(&b, " ... on %s {%s}", on, s.set(on, fragment, depth-1))
		case fragment < maxScribbled && pick < 6:
			name := fmt.Sprint(on, fragment+1+s.below(maxScribbled-fragment))
			s.used[name] = true
			b.WriteString(" ..." + name)
		case pick < 7:
			b.WriteString(" a: " + leaves[s.below(2)])
		default:
			b.WriteString(" " + leaves[s.below(3)])
		}
	}
	return b.String()
}

func TestFieldsOfOneNameHaveTheSameArguments(t *testing.T) {
	t.Parallel()
	server := newServer(t, nil)
	const input = `{userId: "u", amount: 1, reference: "r"}`
	for second, same := range map[string]bool{
		input: true,
		`{reference: "r", userId: "u", amount: 1}`:                  true,
		`{userId: "u", amount: 2, reference: "r"}`:                  false,
		`{userId: "u", amount: 1, reference: "r", description: ""}`: false,
	} {
		messages := server.ask("mutation { spendPoints(input: "+input+") { id } spendPoints(input: "+second+") { amount } }", nil)
		if (len(messages) == 0) != same {
			t.Errorf("%s: %q", second, messages)
		}
	}
	for pair, same := range map[[2]string]bool{
		{"(first: 1, kinds: [BONUS, SPEND])", "(kinds: [BONUS, SPEND], first: 1)"}: true,
		{"(kinds: [BONUS, SPEND])", "(kinds: [SPEND, BONUS])"}:                     false,
		{"(first: 1)", "(first: 2)"}:                                               false,
		{"(first: 1)", ""}:                                                         false,
		{"(first: 1)", "(first: $n)"}:                                              false,
		{"(first: $n)", "(first: $n)"}:                                             true,
	} {
		messages := server.ask("query($n: Int! = 1) { viewer { pointTransactions"+pair[0]+" { edges { cursor } } pointTransactions"+pair[1]+
			" { pageInfo { endCursor } } user: chargeOrders(first: $n) { edges { cursor } } } }", nil)
		if (len(messages) == 0) != same {
			t.Errorf("%s: %q", pair, messages)
		}
	}
}
