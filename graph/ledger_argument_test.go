package graph_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database/databasetest"
)

// input is a mutation with a valid value, as JSON, for each field of its input.
type input struct {
	mutation, kind string
	good           map[string]string
}

func inputs(chargeID string) []input {
	return []input{
		{"spendPoints", "SpendPointsInput", map[string]string{"userId": `"minji"`, "amount": "1", "reference": `"r"`, "description": `"d"`}},
		{"cancelSpend", "CancelSpendInput", map[string]string{"userId": `"minji"`, "reference": `"spent"`, "amount": "1",
			"cancellation": `"c"`, "description": `"d"`}},
		{"adjustPoints", "AdjustPointsInput", map[string]string{"userId": `"minji"`, "amount": "1", "reference": `"r"`, "reason": `"x"`}},
		{"cancelPointTransaction", "CancelPointTransactionInput", map[string]string{"transactionId": `"` + chargeID + `"`, "amount": "1",
			"reference": `"r"`, "reason": `"x"`, "account": `{"holder": "h", "bank": "1", "number": "2", "phone": "3"}`}},
	}
}

// with returns the request in which one field has another value. Without a value it leaves the
// field out.
func (i input) with(field, value string) string {
	fields := maps.Clone(i.good)
	if fields[field] = value; value == none {
		delete(fields, field)
	}
	var members []string
	for name, value := range fields {
		members = append(members, quoteJSON(name)+": "+value)
	}
	return `{"query": ` + quoteJSON(`mutation($v: `+i.kind+`!) { `+i.mutation+`(input: $v) { id } }`) +
		`, "variables": {"v": {` + strings.Join(members, ", ") + `}}}`
}

const none = ""

// badValues are values that the field must not accept.
func badValues(field string) []string {
	types := []string{"{}", `["a"]`, "true", "1.5"}
	switch field {
	case "amount":
		return append(types, none, "null", "0", "1000000001", "9007199254740991", "9007199254740992", "-9007199254740992",
			"99999999999999999999", "1e3", `"1"`, `""`)
	case "account":
		return badAccounts()
	case "cancelled": // below, in a test of its own
		return append(types, none, "null", `"a\u0000"`, `"a\nb"`)
	case "description":
		return append(types, quoteJSON(strings.Repeat("가", 201)), `"a\u0000"`, `"a\nb"`, "7")
	case "reason":
		return append(types, none, "null", `""`, quoteJSON(strings.Repeat("가", 201)), `"a\u0000"`, `"a\nb"`, "7")
	}
	return append(types, none, "null", `""`, quoteJSON(strings.Repeat("a", 10_000)), `"a\u0000"`, `"a\nb"`)
}

func badAccounts() []string {
	account := `{"holder": "h", "bank": "1", "number": "2", "phone": "3"}`
	all := []string{"{}", `"a"`, "1", "true", `["a"]`, `[` + account + `, ` + account + `]`}
	for _, member := range []string{`"holder": "h"`, `"bank": "1"`, `"number": "2"`, `"phone": "3"`} {
		name, _, _ := strings.Cut(member, ":")
		for _, value := range []string{"null", `""`, `"12345678901234567"`, `"a\u0000"`, "{}", "1.5"} {
			all = append(all, strings.Replace(account, member, name+": "+value, 1))
		}
	}
	return append(all, strings.Replace(account, `"bank": "1"`, `"bank": "12345"`, 1))
}

// Both databases are needed: PostgreSQL does not accept NUL in texts.
func TestBadInputsOfTheLedgerAreRefusedAndWriteNothing(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		w := newWorldOn(t, db)
		line := w.charged("minji")
		w.wantCode(w.spend("minji", 10, "spent"), "")
		before := w.countRows()
		for _, i := range inputs(line) {
			for _, field := range slices.Sorted(maps.Keys(i.good)) {
				kind := field
				if i.mutation == "cancelSpend" && field == "reference" {
					kind = "cancelled"
				}
				for _, value := range badValues(kind) {
					if w.wantCode(w.post(w.adminToken(), i.with(field, value)), apierror.InvalidArgument); t.Failed() {
						t.Fatalf("%s.%s: %.100s", i.mutation, field, value)
					}
				}
			}
		}
		if w.countRows() != before || w.cancelRequests() != 0 {
			t.Error("something was written, or the gateway asked")
		}
		if lines := w.log.errors(); len(lines) != 0 {
			t.Errorf("logged as faults of ours: %q", lines[0])
		}
	})
}

// Without it the test above would pass if everything were refused.
func TestGoodInputsOfTheLedgerAreTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	line := w.charged("minji")
	w.wantCode(w.spend("minji", 10, "spent"), "")
	for _, i := range inputs(line) {
		w.wantCode(w.post(w.adminToken(), i.with("amount", "1")), "")
	}
	longest := quoteJSON(strings.Repeat("a", 100))
	for _, i := range inputs(line)[:3] {
		field := map[string]string{"cancelSpend": "cancellation"}[i.mutation]
		if field == "" {
			field = "reference"
		}
		w.wantCode(w.post(w.adminToken(), i.with(field, longest)), "")
	}
	w.wantAudited()
}

func TestSignsThatTheFieldDoesNotTake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	line := w.charged("minji")
	w.wantCode(w.spend("minji", 10, "spent"), "")
	before := w.countRows()
	for _, i := range inputs(line) {
		if i.mutation != "adjustPoints" {
			w.wantCode(w.post(w.adminToken(), i.with("amount", "-1")), apierror.InvalidArgument)
		}
	}
	if w.countRows() != before {
		t.Error("something was written")
	}
}

// Both databases are needed, for the same reason.
func TestBadIDsOfTheLedgerAreInvalidArguments(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		w := newWorldOn(t, db)
		for _, id := range []any{nil, "", strings.Repeat("a", 10_000), "a\x00", "a b", 1.5, true, []string{"a", "b"}, map[string]string{}} {
			for _, query := range []string{
				`query($id: ID!) { refundQuote(transactionId: $id) { amount } }`,
				`query($id: String!) { viewer { balanceExplained(after: $id) { edges { cursor } } } }`,
			} {
				if w.wantCode(w.askAs(w.adminToken(), query, "id", id), apierror.InvalidArgument); t.Failed() {
					t.Fatalf("%.50q: %s", id, query)
				}
			}
		}
	})
}

// No spend can have such a reference.
func TestBadReferencesOfCancelledSpendsAreInvalidArguments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, reference := range []string{"", strings.Repeat("a", 101)} {
		w.wantCode(w.unspend("minji", 1, reference, "c1"), apierror.InvalidArgument)
	}
}

func TestWholeNumbersAreIDsToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.charged("minji")
	w.want(w.askAs(w.serviceToken(), spendPoints, "u", "minji", "n", 1, "r", 7), -1.0, "spendPoints", "amount")
	w.wantCode(w.unspend("minji", 1, "7", "c1"), "")
}

// user(id:) accepts what the mutations accept as a userId.
func TestBadUserIDsAreInvalidArguments(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		w := newWorldOn(t, db)
		for _, id := range []string{"a\x00", "a\nb", strings.Repeat("a", 129), ""} {
			r := w.askAs(w.adminToken(), `query($id: ID!) { user(id: $id) { balance } }`, "id", id)
			if w.wantCode(r, apierror.InvalidArgument); t.Failed() {
				t.Fatalf("%.50q", id)
			}
		}
	})
}

func TestTheExplanationsPagesHaveASize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, first := range []string{"0", "-1", "101", "1000000000", "2147483648", "1.5", `"1"`, "null"} {
		w.wantCode(w.ask("minji", `{ viewer { balanceExplained(first: `+first+`) { edges { cursor } } } }`), apierror.InvalidArgument)
	}
}
