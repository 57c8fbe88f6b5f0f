package graph_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// expensiveDocuments are the dearest documents found that just fit each limit. Some repeat one
// field, for a validation rule that could compare every pair of fields (overlap.go). Some have many
// fragments, for a rule that could walk each fragment for each of its spreads (size.go).
func expensiveDocuments() map[string]string {
	const orders = "{ viewer { chargeOrders(first: 1) { edges { node {"
	return map[string]string{
		"one field again and again":    "{ viewer {" + strings.Repeat(" id", 992) + "} }",
		"one field in two selections":  "{ viewer {" + strings.Repeat(" id", 495) + "} viewer {" + strings.Repeat(" id", 495) + "} }",
		"one field with arguments":     "{ viewer {" + strings.Repeat(" chargeOrders(first: 1) { edges { cursor } }", 80) + "} }",
		"one field of long arguments":  "{ viewer {" + strings.Repeat(" pointTransactions(kinds: ["+strings.Repeat(" BONUS", 35)+"]) { edges { cursor } }", 19) + "} }",
		"selections in selections":     orders + strings.Repeat(" transaction { order { transaction { id } } }", 65) + "} } } } }",
		"many fragments":               "{ viewer {" + repeatNumbered(96, " ...f#") + "} }" + repeatNumbered(96, " fragment f# on User { id }"),
		"two fragments of many fields": "{ viewer { ...a ...b } } fragment a on User {" + strings.Repeat(" id", 240) + "} fragment b on User {" + strings.Repeat(" id", 240) + "}",
		"a chain of fragments":         "{ viewer { ...f0 } }" + fragmentChain(24, " id", " id"),
		"a chain with a heavy end":     "{ viewer { ...f0 } }" + fragmentChain(20, "", strings.Repeat(" id", 30)),
		"a chain with a wrong end":     "{ viewer { ...f0 } }" + fragmentChain(20, "", repeatNumbered(30, " x#")),
		"a fragment again and again":   "{ viewer {" + strings.Repeat(" ...f", 57) + "} } fragment f on User { id balance spendable debt chargeOrders(first: 1) { edges { node { status } } } pointTransactions(first: 1) { edges { cursor } } }",
		"inline fragments":             "{ viewer {" + strings.Repeat(" ... on User { id }", 165) + "} }",
		"deep inline fragments":        "{ viewer {" + strings.Repeat(" ... {", 330) + " id" + strings.Repeat("}", 330) + "} }",
		"full inline fragments":        "{ viewer {" + strings.Repeat(" ... { id id id id id id", 108) + strings.Repeat("}", 108) + "} }",
		"thin inline fragments":        "{ viewer {" + strings.Repeat(" ... { id id id", 160) + strings.Repeat("}", 160) + "} }",
		"many operations":              repeatNumbered(199, " query q# { __typename }"),
		"operations of one fragment":   repeatNumbered(9, " query q# { ...f }") + " fragment f on Query { viewer {" + strings.Repeat(" id", 96) + "} }",
		"variables":                    "query(" + repeatNumbered(248, " $v#: Int") + ") { __typename }",
		"variables used":               "query(" + repeatNumbered(30, " $v#: Int!") + ") { viewer {" + repeatNumbered(30, " a#: chargeOrders(first: $v#) { __typename }") + "} }",
		"a long list":                  "{ viewer { pointTransactions(kinds: [" + strings.Repeat(" CHARGE", 970) + "]) { edges { cursor } } } }",
		"a long list of wrong values":  "{ viewer { pointTransactions(kinds: [" + strings.Repeat(" X", 970) + "]) { edges { cursor } } } }",
		"lists in lists":               "{ viewer { pointTransactions(kinds: " + strings.Repeat("[", 490) + strings.Repeat("]", 490) + ") { edges { cursor } } } }",
		"an object of wrong fields":    `mutation { spendPoints(input: {` + repeatNumbered(320, " f#: 1") + `}) { id } }`,
		"wrong arguments":              "{ viewer { id(" + repeatNumbered(320, " a#: 1") + ") } }",
		"root fields":                  "{" + strings.Repeat(" viewer { id balance spendable debt }", 20) + "}",
		"aliases":                      "{ viewer {" + repeatNumbered(30, " a#: chargeOrders(first: 1) { edges { node { transaction { order { status price } } } } }") + "} }",
		"one response name":            "{ viewer {" + strings.Repeat(" chargeOrders(first: 1) { edges { node { transaction { order { transaction { id } } } } } }", 38) + "} }",
		"directives":                   "{ viewer {" + strings.Repeat(" id @include(if: true)", 20) + strings.Repeat(" id", 830) + "} }",
		"depth":                        orders + " transaction { order { transaction { order { transaction { order { status } } } } } } } } } } }",
		"unknown fields":               "{ viewer {" + repeatNumbered(990, " f#") + "} }",
		"a long string":                `{ viewer { chargeOrders(after: "` + strings.Repeat("x", 65_000) + `") { edges { cursor } } } }`,
		"a long string as a number":    `{ viewer {` + repeatNumbered(25, ` chargeOrders(first: "`+strings.Repeat("x", 2500)+`") { edges { cursor } }`) + "} }",
		"a string of escapes":          `{ viewer { chargeOrders(after: "` + strings.Repeat(`\u0041`, 5_000) + `") { edges { cursor } } } }`,
		"a string of lines":            `{ viewer { chargeOrders(after: """` + strings.Repeat("\n ", 15_000) + `""") { edges { cursor } } } }`,
		"nothing but commas":           "{ viewer { id } }" + strings.Repeat(",", 65_000),
		"the longest answer":           "{ viewer { chargeOrders(first: 97) { edges { node {" + strings.Repeat(" status", 97) + "} } } } }",
		"introspection of types":       "{ __schema { types { fields {" + repeatNumbered(18, " a"+strings.Repeat("x", 61)+"#: type { description ofType { description } }") + "} } } }",
		"introspection of fields":      "{ __schema { types {" + repeatNumbered(30, " a#: fields { description }") + "} } }",
	}
}

// fragmentChain returns n fragments that each spread the next one beside a text, and a last one
// with another text.
func fragmentChain(n int, each, end string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " fragment f%d on User {%s ...f%d }", i, each, i+1)
	}
	fmt.Fprintf(&b, " fragment f%d on User {%s }", n, end)
	return b.String()
}

// expensiveVariables are the dearest values found for the variables of a document.
func expensiveVariables() map[string]request {
	const kinds, input = "query($v: [PointTransactionKind!]) { viewer { pointTransactions(kinds: $v) { edges { cursor } } } }",
		"mutation($v: SpendPointsInput!) { spendPoints(input: $v) { id } }"
	values := func(n int, format string) map[string]any {
		var fields map[string]any
		if err := json.Unmarshal([]byte("{"+strings.TrimSuffix(repeatNumbered(n, format), ",")+"}"), &fields); err != nil {
			panic(err)
		}
		return fields
	}
	nested := any("CHARGE")
	for range 9_000 {
		nested = []any{nested}
	}
	return map[string]request{
		"a long list of values":             {Query: kinds, Variables: map[string]any{"v": slices.Repeat([]any{"ADJUST"}, 7_000)}},
		"a long list with a wrong end":      {Query: kinds, Variables: map[string]any{"v": append(slices.Repeat([]any{"ADJUST"}, 7_000), "X")}},
		"lists in lists of values":          {Query: kinds, Variables: map[string]any{"v": nested}},
		"an object of fields nobody knows":  {Query: input, Variables: map[string]any{"v": values(5_000, `"f#":1,`)}},
		"variables that nobody asked for":   {Query: "{ viewer { id } }", Variables: values(5_000, `"f#":1,`)},
		"as many variables as there may be": {Query: "query(" + repeatNumbered(30, " $v#: Int!") + ") { viewer {" + repeatNumbered(30, " a#: chargeOrders(first: $v#) { __typename }") + "} }", Variables: values(30, `"v#":1,`)},
		"a long string":                     {Query: "query($v: String) { viewer { chargeOrders(after: $v) { edges { cursor } } } }", Variables: map[string]any{"v": strings.Repeat("x", 60_000)}},
		"a long number":                     {Query: input, Variables: map[string]any{"v": map[string]any{"userId": "u", "reference": "r", "amount": json.Number(strings.Repeat("9", 60_000))}}},
		"null instead of a default":         {Query: "query($v: Boolean = true) { viewer {" + strings.Repeat(" id @include(if: $v)", 20) + "} }", Variables: map[string]any{"v": nil}},
	}
}

// refusedDocuments are those of the above with a mistake that takes time to find, and a part of its
// refusal.
func refusedDocuments() map[string]string {
	return map[string]string{
		"a chain with a wrong end":         "Cannot query field",
		"unknown fields":                   "Cannot query field",
		"variables":                        "is never used",
		"variables used":                   "must be defined",
		"a long list of wrong values":      "does not exist",
		"lists in lists":                   "non-enum value",
		"an object of wrong fields":        "SpendPointsInput",
		"wrong arguments":                  "Unknown argument",
		"a long string as a number":        "non-integer value",
		"a long list with a wrong end":     "$v[7000]",
		"lists in lists of values":         "$v[0]",
		"an object of fields nobody knows": "unknown field",
		"a long number":                    "whole number",
		"null instead of a default":        "$v cannot be null",
	}
}

func TestTheDearestDocumentsWithinTheLimits(t *testing.T) { //nolint:paralleltest // it measures
	all := expensiveVariables()
	for name, query := range expensiveDocuments() {
		all[name] = request{Query: query}
		if strings.Contains(query, "query q0 {") {
			all[name] = request{Query: query, Operation: "q0"}
		}
	}
	refused := refusedDocuments()
	for name, asked := range all { //nolint:paralleltest // it measures
		t.Run(name, func(t *testing.T) {
			used, response := measureCPU(t, asked)
			t.Logf("%6.2f ms, %d KB answer for %s: %.200s", used.Seconds()*1000, response.Body.Len()>>10, name, response.Body)
			want, isRefused := refused[name]
			if !isRefused { // it passes every check and is refused for want of a token; or it asks for the schema
				want = map[bool]string{true: `"data":{"__`, false: "A valid bearer token is required."}[strings.HasPrefix(response.Body.String(), `{"data"`)]
			}
			if strings.Contains(response.Body.String(), " has at most ") || !strings.Contains(response.Body.String(), want) {
				t.Errorf("no word of %q: %.300s", want, response.Body)
			}
			if used > maxCPU*slowdown {
				t.Errorf("it took %s of a processor, more than %s", used, maxCPU*slowdown)
			}
		})
	}
}
