package graph_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
)

func TestF1BadImpUIDsNeverReachTheGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []any{
		nil, "", " ", strings.Repeat("a", 10_000), "imp_결제", "imp_1\x00", "imp_1?include_sandbox=true", "imp_1?x=1", "find/imp_1",
		"../imp_1", "imp_1%2f", "imp_1#", "imp_1\n", "imp_1 ", "imp_1\u200b", 1.5, true, []string{"a", "b"}, map[string]string{"a": "b"},
	} {
		if w.wantCode(w.ask("minji", chargeMutation, "id", id), apierror.InvalidArgument); t.Failed() {
			t.Fatalf("impUid %.50q", id)
		}
	}
	w.wantCode(w.ask("minji", chargeMutation), apierror.InvalidArgument)
	for _, written := range []string{`""`, `null`, `"imp_1?x"`, `"\u0000"`, `"imp%2f"`, `1.5`, `true`, `[]`, `{}`, `imp_1`, `"""a b"""`} {
		r := w.ask("minji", `mutation { createPointTransaction(impUid: `+written+`) { id } }`)
		if w.wantCode(r, apierror.InvalidArgument); t.Failed() {
			t.Fatalf("impUid: %s", written)
		}
	}
	if asked := w.gateway.Requests(); len(asked) != 0 {
		t.Errorf("the gateway was asked %v", asked)
	}
}

func TestOtherBadIDsAreInvalidArguments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"", strings.Repeat("a", 10_000), "결제", "a\x00", "a?b", "a/b", "a%2fb"} {
		for _, query := range []string{
			`query($id: ID!) { chargeOrder(merchantUid: $id) { status } }`, `query($id: ID!) { pointTransaction(id: $id) { kind } }`,
			`mutation($id: ID!) { createChargeOrder(productId: $id) { status } }`,
			`query($id: String) { viewer { pointTransactions(after: $id) { edges { cursor } } } }`,
			`query($id: String) { viewer { chargeOrders(after: $id) { edges { cursor } } } }`,
		} {
			if w.wantCode(w.ask("minji", query, "id", id), apierror.InvalidArgument); t.Failed() {
				t.Fatalf("%.50q: %s", id, query)
			}
		}
	}
}

func TestUnknownAndInactiveProductsAreUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.product("gone", 1, false)
	for _, id := range []string{"gone", "never-was"} {
		w.wantCode(w.ask("minji", `mutation($id: ID!) { createChargeOrder(productId: $id) { status } }`, "id", id), apierror.ProductUnavailable)
	}
	if asked := w.gateway.Requests(); len(asked) != 0 {
		t.Errorf("the gateway was asked %v", asked)
	}
}

// badNumbers are not whole numbers, or are out of the range of the field.
func badNumbers(field string) []string {
	all := []string{"1e12", "1e400", "9007199254740992", "-9007199254740992", "99999999999999999999", "1.5", "1.0", `"1"`, "true", "[1, 2]", "{}"}
	switch field {
	case "position":
		return append(all, "2147483648", "-2147483649")
	case "first":
		return append(all, "2147483648", "-2147483649", "0", "-1", "null")
	}
	return append(all, "-1", "null")
}

func TestNumbersThatDoNotFitAreInvalidArguments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.token("boss", auth.RoleAdmin)
	for _, field := range []string{"first", "price", "points", "bonusPoints", "position"} {
		for _, number := range badNumbers(field) {
			written, variable := requestWith(field, number)
			if w.wantCode(w.askAs(token, written), apierror.InvalidArgument); t.Failed() {
				t.Fatalf("%s: %s written", field, number)
			}
			if w.wantCode(w.post(token, variable), apierror.InvalidArgument); t.Failed() {
				t.Fatalf("%s: %s as a variable", field, number)
			}
		}
	}
	if lines := w.log.errors(); len(lines) != 0 {
		t.Errorf("logged as faults of ours: %q", lines[0])
	}
}

// requestWith returns two requests that set a field to a number: in the text of the query, and by a
// variable.
func requestWith(field, number string) (written, variable string) {
	if field == "first" {
		written = `{ viewer { pointTransactions(first: ` + number + `) { edges { cursor } } } }`
		query := quoteJSON(`query($v: Int!) { viewer { pointTransactions(first: $v) { edges { cursor } } } }`)
		return written, `{"query": ` + query + `, "variables": {"v": ` + number + `}}`
	}
	input := map[string]string{"id": `"p"`, "name": `"n"`, "price": "1", "points": "1", field: number}
	var fields, members []string
	for name, value := range input {
		fields = append(fields, name+": "+value)
		members = append(members, `"`+name+`": `+value)
	}
	written = `mutation { upsertChargeProduct(input: {` + strings.Join(fields, ", ") + `}) { id } }`
	query := quoteJSON(`mutation($v: ChargeProductInput!) { upsertChargeProduct(input: $v) { id } }`)
	return written, `{"query": ` + query + `, "variables": {"v": {` + strings.Join(members, ", ") + `}}}`
}

func quoteJSON(text string) string {
	out, _ := json.Marshal(text) // a string can be encoded
	return string(out)
}

func TestTheLargestProductIsKeptExactly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := w.token("boss", auth.RoleAdmin)
	for _, field := range []string{"price", "points", "bonusPoints"} {
		written, variable := requestWith(field, "1000000000")
		w.wantCode(w.askAs(boss, written), "")
		w.wantCode(w.post(boss, variable), "")
		if r := w.askAs("", `{ chargeProducts { `+field+` } }`); !strings.Contains(r.text, `:1000000000`) {
			t.Errorf("%s: got %s", field, r.text)
		}
		written, _ = requestWith(field, "1000000001") // whose product with another would not fit in 64 bits (ADR 16)
		w.wantCode(w.askAs(boss, written), apierror.InvalidArgument)
	}
}

// Every argument gets values of types that it does not accept.
func TestArgumentsOfAnotherTypeAreInvalid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.token("boss", auth.RoleAdmin)
	queries := map[string]string{
		`query($v: [PointTransactionKind!]) { viewer { pointTransactions(kinds: $v) { edges { cursor } } } }`: `"NOTHING" "charge" ["CHARGE","bonus"] ["CHARGE",null] [1] 7 {} true`,
		`query($v: String) { viewer { chargeOrders(after: $v) { edges { cursor } } } }`:                       `7 1.5 true {} ["a"]`,
		`query($v: PointTransactionKind) { viewer { pointTransactions(kinds: [$v]) { edges { cursor } } } }`:  `"charge" "NOTHING" {}`,
		`query($v: Boolean!) { chargeProducts(includeInactive: $v) { id } }`:                                  `"true" 1 null {}`,
		`mutation($v: PayMethod!) { createChargeOrder(productId: "p1", payMethod: $v) { status } }`:           `"CASH" "card" 1 null {}`,
		`mutation($v: ChargeProductInput!) { upsertChargeProduct(input: $v) { id } }`:                         `"p" null [] {} {"id":"p"} {"id":"p","name":null,"price":1,"points":1} {"id":"p","name":"n","price":1,"points":1,"userId":"x"}`,
	}
	for query, values := range queries {
		for value := range strings.FieldsSeq(values) {
			r := w.post(token, `{"query":`+quoteJSON(query)+`,"variables":{"v":`+value+`}}`)
			if w.wantCode(r, apierror.InvalidArgument); t.Failed() {
				t.Fatalf("%s with %s", query, value)
			}
		}
	}
	if lines := w.log.errors(); len(lines) != 0 {
		t.Errorf("logged as faults of ours: %q", lines[0])
	}
}

func TestObjectsAreNoScalarsAndNoEnums(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, query := range []string{
		`{ chargeProducts(includeInactive: {}) { id } }`, `{ chargeOrder(merchantUid: {a: 1}) { status } }`,
		`{ viewer { chargeOrders(after: {}) { edges { cursor } } } }`, `{ viewer { pointTransactions(kinds: {}) { edges { cursor } } } }`,
		`mutation { createChargeOrder(productId: "p1", payMethod: {}) { status } }`,
		`mutation { upsertChargeProduct(input: {id: {}, name: "n", price: 1, points: 1}) { id } }`,
	} {
		if w.wantCode(w.askAs(w.token("boss", auth.RoleAdmin), query), apierror.InvalidArgument); t.Failed() {
			t.Fatal(query)
		}
	}
}

func TestOneValueStandsForAListOfIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, kinds := range []any{"CHARGE", []string{"CHARGE", "BONUS"}, []string{}, nil} {
		r := w.ask("minji", `query($v: [PointTransactionKind!]) { viewer { pointTransactions(kinds: $v) { edges { cursor } } } }`, "v", kinds)
		w.wantCode(r, "")
	}
}

func TestBadProductsAreInvalidArguments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, input := range []string{
		`{id: "a/b", name: "n", price: 1, points: 1}`, `{id: "p", name: "", price: 1, points: 1}`, `{id: "p", name: "  ", price: 1, points: 1}`,
		`{id: "p", name: "` + strings.Repeat("가", 41) + `", price: 1, points: 1}`, `{id: "p", name: "a\u0000", price: 1, points: 1}`,
		`{id: "p", name: "n", price: 0, points: 1}`, `{id: "p", name: "n", price: 1, points: 0}`,
	} {
		r := w.askAs(w.token("boss", auth.RoleAdmin), `mutation { upsertChargeProduct(input: `+input+`) { id } }`)
		if w.wantCode(r, apierror.InvalidArgument); t.Failed() {
			t.Fatal(input)
		}
	}
}
