package graph_test

import (
	"strings"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
)

// nullableVariables are queries with a variable $v that may be left out, and must not be null.
func nullableVariables() map[string]string {
	const spend = `{userId: "minji", amount: 1, reference: "r1", description: $v}`
	const product = `{id: "p1", name: "n", price: $v, points: 5000}`
	return map[string]string{
		"include":              `query($v: Boolean = true) { viewer { id @include(if: $v) } }`,
		"skip":                 `query($v: Boolean = false) { viewer { id @skip(if: $v) } }`,
		"an inline fragment":   `query($v: Boolean = true) { viewer { ... @include(if: $v) { id } } }`,
		"a spread":             `query($v: Boolean = true) { viewer { ...f @include(if: $v) } } fragment f on User { id }`,
		"in a fragment":        `query($v: Boolean = true) { viewer { ...f } } fragment f on User { ...g } fragment g on User { id @include(if: $v) }`,
		"of two operations":    `query a($v: Boolean = true) { viewer { ...f } } query b($v: Boolean!) { viewer { ...f } } fragment f on User { id @include(if: $v) }`,
		"an argument":          `query($v: Boolean = true) { chargeProducts(includeInactive: $v) { id } }`,
		"an enum":              `mutation($v: PayMethod = CARD) { createChargeOrder(productId: "p1", payMethod: $v) { status } }`,
		"an element of a list": `query($v: PointTransactionKind = CHARGE) { viewer { pointTransactions(kinds: [$v]) { edges { cursor } } } }`,
		"a field of an object": `mutation($v: Won = 5000) { upsertChargeProduct(input: ` + product + `) { id } }`,
		"an enum's default":    `mutation($v: PayMethod) { createChargeOrder(productId: "p1", payMethod: $v) { status } }`,
		"the schema's default": `query($v: Int) { viewer { chargeOrders(first: $v) { edges { cursor } } } }`,
		"a flag's default":     `query($v: Boolean) { chargeProducts(includeInactive: $v) { id } }`,
		"a flag in a fragment": `query($v: Boolean) { ...f } fragment f on Query { ... { chargeProducts(includeInactive: $v) { id } } }`,
		"a flag in an object":  `mutation($v: Boolean) { upsertChargeProduct(input: {id: "p1", name: "n", price: 5000, points: 5000, active: $v}) { id } }`,
		"a text in an object":  `mutation($v: String) { spendPoints(input: ` + spend + `) { amount } }`,
	}
}

// The default of a variable stands for one that is left out, not for null (GraphQL specification
// §5.8.5).
func TestNullIsRefusedWhereNoneFits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.addLines("minji", 1, "to spend")
	boss := w.token("boss", auth.RoleAdmin)
	for name, query := range nullableVariables() {
		operation := ""
		if strings.Contains(query, "query a(") {
			operation = `,"operationName":"a"`
		}
		for variables, code := range map[string]apierror.Code{`{}`: "", `{"v":null}`: apierror.InvalidArgument} {
			for range 2 { // the second time from the cache
				r := w.post(boss, `{"query":`+quoteJSON(query)+`,"variables":`+variables+operation+`}`)
				if w.wantCode(r, code); r.status != 200 {
					t.Errorf("%s, %s: %d %s", name, variables, r.status, r.text)
				}
			}
		}
	}
	list := `mutation($v: Points) { spendPoints(input: {userId: "minji", amount: [$v], reference: "r2"}) { amount } }`
	for _, value := range []any{nil, 1} {
		w.wantCode(w.ask("boss", list, "v", value), apierror.InvalidArgument)
	}
	kinds := `query($v: [PointTransactionKind!] = [CHARGE]) { viewer { pointTransactions(kinds: $v) { edges { cursor } } } }`
	w.wantCode(w.ask("minji", kinds, "v", nil), "") // this position accepts null
	for _, value := range []any{nil, true} {
		w.wantCode(w.ask("minji", `query($v: Boolean = null) { viewer { id @include(if: $v) } }`, "v", value), apierror.InvalidArgument)
	}
	if lines := w.log.errors(); len(lines) > 0 {
		t.Errorf("logged as faults of ours: %.2000q", lines)
	}
}
