package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"pointcharge/internal/point"
)

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

func TestFragmentBombsAreRefusedBeforeTheyAreResolved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, n := range []int{15, 30, 100} {
		w.wantCode(w.ask("minji", bomb(n)), point.InvalidArgument)
	}
}

func TestCyclesOfOrdersAndLinesEndAtTheDepth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	merchantUID := w.order("minji")
	w.charge("minji", w.pay(merchantUID))
	query := func(n int) string {
		return fmt.Sprintf(`{ chargeOrder(merchantUid: %q) { %s status %s } }`, merchantUID,
			strings.Repeat("transaction { order { ", n), strings.Repeat("} } ", n))
	}
	w.wantCode(w.ask("minji", query(5)), "")
	w.wantCode(w.ask("minji", query(6)), point.InvalidArgument)
}

// The cycle with aliases is what a reviewer used to take a server down with 1.4 KB.
func TestAliasesThatMultiplyAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var b strings.Builder
	b.WriteString("{ viewer { chargeOrders { edges { node { ...f0 } } } } }")
	for i := range 20 {
		fmt.Fprintf(&b, " fragment f%d on ChargeOrder { a: transaction { order { ...f%d } } b: transaction { order { ...f%d } } }", i, i+1, i+1)
	}
	b.WriteString(" fragment f20 on ChargeOrder { status }")
	w.wantCode(w.ask("minji", b.String()), point.InvalidArgument)
}

func TestLongPagesOfWideLinesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := func(first, aliases int) string {
		line := "node { id kind amount balanceAfter impUid description createdAt order { merchantUid status price } }"
		var b strings.Builder
		for i := range aliases {
			fmt.Fprintf(&b, "a%d: pointTransactions(first: %d) { edges { cursor %s } } ", i, first, line)
		}
		return "{ viewer { " + b.String() + "} }"
	}
	w.wantCode(w.ask("minji", page(100, 1)), "")
	w.wantCode(w.ask("minji", page(100, 9)), point.InvalidArgument)
	w.wantCode(w.ask("minji", "query($n: Int!) { viewer { pointTransactions(first: $n) { edges { cursor } } } }", "n", 1_000_000_000),
		point.InvalidArgument)
}

func TestAnAnswerHasAtMostTenErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var b strings.Builder
	for i := range 20 {
		fmt.Fprintf(&b, `a%d: chargeOrder(merchantUid: "?") { status } `, i)
	}
	if r := w.ask("minji", "{ "+b.String()+"}"); len(r.Errors) != 10 {
		t.Errorf("%d errors, want 10", len(r.Errors))
	}
}
