package graph_test

import (
	"fmt"
	"strings"
	"testing"
)

// worst are the dearest documents that were found which just fit each limit.
func worst() map[string]string {
	const orders = "{ viewer { chargeOrders(first: 1) { edges { node {"
	return map[string]string{
		"one field again and again":    "{ viewer {" + strings.Repeat(" id", 992) + "} }",
		"one field in two selections":  "{ viewer {" + strings.Repeat(" id", 495) + "} viewer {" + strings.Repeat(" id", 495) + "} }",
		"one field with arguments":     "{ viewer {" + strings.Repeat(" chargeOrders(first: 1) { edges { cursor } }", 80) + "} }",
		"selections in selections":     orders + strings.Repeat(" transaction { order { transaction { id } } }", 98) + "} } } } }",
		"many fragments":               "{ viewer {" + repeat(96, " ...f#") + "} }" + repeat(96, " fragment f# on User { id }"),
		"two fragments of many fields": "{ viewer { ...a ...b } } fragment a on User {" + strings.Repeat(" id", 480) + "} fragment b on User {" + strings.Repeat(" id", 480) + "}",
		"a chain of fragments":         "{ viewer { ...f0 } }" + chain(108),
		"a fragment again and again":   "{ viewer {" + strings.Repeat(" ...f", 76) + "} } fragment f on User { id balance spendable debt chargeOrders(first: 1) { edges { node { status } } } pointTransactions(first: 1) { edges { cursor } } }",
		"inline fragments":             "{ viewer {" + strings.Repeat(" ... on User { id }", 165) + "} }",
		"deep inline fragments":        "{ viewer {" + strings.Repeat(" ... {", 330) + " id" + strings.Repeat("}", 330) + "} }",
		"many operations":              repeat(199, " query q# { __typename }"),
		"operations of one fragment":   repeat(10, " query q# { ...f }") + " fragment f on Query { viewer {" + strings.Repeat(" id", 98) + "} }",
		"variables":                    "query(" + repeat(248, " $v#: Int") + ") { __typename }",
		"a long list":                  "{ viewer { pointTransactions(kinds: [" + strings.Repeat(" CHARGE", 970) + "]) { edges { cursor } } } }",
		"a long list of wrong values":  "{ viewer { pointTransactions(kinds: [" + strings.Repeat(" X", 970) + "]) { edges { cursor } } } }",
		"an object of wrong fields":    `mutation { spendPoints(input: {` + repeat(320, " f#: 1") + `}) { id } }`,
		"root fields":                  "{" + strings.Repeat(" chargeProducts { id name price points bonusPoints active position }", 20) + "}",
		"aliases":                      "{ viewer {" + repeat(30, " a#: chargeOrders(first: 1) { edges { node { transaction { order { status price } } } } }") + "} }",
		"one response name":            "{ viewer {" + strings.Repeat(" chargeOrders(first: 1) { edges { node { transaction { order { transaction { id } } } } } }", 38) + "} }",
		"directives":                   "{ viewer {" + strings.Repeat(" id @include(if: true)", 20) + strings.Repeat(" id", 830) + "} }",
		"depth":                        orders + " transaction { order { transaction { order { transaction { order { status } } } } } } } } } } }",
		"unknown fields":               "{ viewer {" + repeat(990, " f#") + "} }",
		"introspection":                "{" + repeat(20, ` a#: __type(name: "ChargeOrder") { fields { type { fields { name description isDeprecated type { kind name description } } } } }`) + "}",
		"the longest answer":           "{ viewer { chargeOrders(first: 100) { edges { node {" + strings.Repeat(" status", 97) + "} } } } }",
	}
}

func chain(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " fragment f%d on User { id ...f%d }", i, i+1)
	}
	fmt.Fprintf(&b, " fragment f%d on User { id }", n)
	return b.String()
}

func TestTheDearestDocumentsWithinTheLimits(t *testing.T) { //nolint:paralleltest // it measures
	for name, query := range worst() { //nolint:paralleltest // it measures
		t.Run(name, func(t *testing.T) {
			used, response := cpuOf(t, query)
			t.Logf("%6.2f ms for %s: %.200s", used.Seconds()*1000, name, response.Body)
			if strings.Contains(response.Body.String(), "GRAPHQL_MAX") {
				t.Errorf("it does not fit: %.300s", response.Body)
			}
			if used > maxCPU*slowdown {
				t.Errorf("it took %s of a processor, more than %s", used, maxCPU*slowdown)
			}
		})
	}
}
