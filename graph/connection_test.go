package graph_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
)

func (w *world) expiry() time.Time { return time.Now().Add(time.Hour) }

// list reads a connection page by page, first nodes at a time, and returns the given field of each
// node.
func (w *world) list(connection, field string, first int) []any {
	w.Helper()
	query := fmt.Sprintf(`query($first: Int!, $after: String) { viewer { %s(first: $first, after: $after) {
		edges { cursor node { %s } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`, connection, field)
	var found []any
	for after := any(nil); ; {
		r := w.ask("minji", query, "first", first, "after", after)
		edges, _ := r.at("viewer", connection, "edges").([]any)
		if len(r.Errors) > 0 || len(edges) > first || len(found) > 100 {
			w.Fatalf("after %v: %s", after, r.text)
		}
		wantStart, previous := any(nil), after != nil
		if len(edges) > 0 {
			wantStart = edges[0].(map[string]any)["cursor"]
		}
		if r.at("viewer", connection, "pageInfo", "startCursor") != wantStart || r.at("viewer", connection, "pageInfo", "hasPreviousPage") != previous {
			w.Fatalf("the page after %v does not say where it begins: %s", after, r.text)
		}
		for _, edge := range edges {
			found = append(found, edge.(map[string]any)["node"].(map[string]any)[field])
			after = edge.(map[string]any)["cursor"]
		}
		if r.at("viewer", connection, "pageInfo", "endCursor") != after {
			w.Fatalf("endCursor is not the last cursor: %s", r.text)
		}
		if more, _ := r.at("viewer", connection, "pageInfo", "hasNextPage").(bool); !more {
			return found
		}
	}
}

func (w *world) wantList(got []any, want ...any) {
	w.Helper()
	if !slices.Equal(got, want) {
		w.Errorf("got %v, want %v", got, want)
	}
}

func TestThePagesOfTheLedgerAreTheLedger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 5 {
		w.wantCode(w.charge("minji", w.pay(w.order("minji"))), "")
	}
	w.wantCode(w.charge("junho", w.pay(w.order("junho"))), "")
	for _, first := range []int{1, 2, 5, 6, 100} {
		w.wantList(w.list("pointTransactions", "balanceAfter", first), 25000.0, 20000.0, 15000.0, 10000.0, 5000.0)
	}
}

func TestThePagesOfTheOrdersAreTheOrders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var want []any
	for range 5 {
		want = append([]any{w.order("minji")}, want...)
	}
	w.order("junho")
	for _, first := range []int{1, 2, 5, 100} {
		w.wantList(w.list("chargeOrders", "merchantUid", first), want...)
	}
}

func TestTheLedgerCanBeReadByKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.points.UpsertProduct(t.Context(), charge.Product{ID: "p1", Name: "n", Price: 5000, Points: 5000, BonusPoints: 50, Active: true})
	w.must(err)
	w.wantCode(w.charge("minji", w.pay(w.order("minji"))), "")
	for kinds, want := range map[string]int{`[]`: 2, `null`: 2, `CHARGE`: 1, `[BONUS]`: 1, `[CHARGE, BONUS]`: 2, `[SPEND]`: 0} {
		r := w.ask("minji", `{ viewer { pointTransactions(kinds: `+kinds+`) { edges { node { kind } } } } }`)
		if edges, _ := r.at("viewer", "pointTransactions", "edges").([]any); len(edges) != want || len(r.Errors) > 0 {
			t.Errorf("kinds: %s: %s", kinds, r.text)
		}
	}
}

func TestAnEmptyListIsNoError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wantList(w.list("pointTransactions", "id", 20))
	w.wantList(w.list("chargeOrders", "merchantUid", 20))
	r := w.ask("minji", `{ viewer { balance pointTransactions { edges { cursor } pageInfo { hasNextPage endCursor } } } }`)
	w.want(r, 0.0, "viewer", "balance")
	w.want(r, nil, "viewer", "pointTransactions", "pageInfo", "endCursor")
}

func TestPagesHaveASize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 21 {
		w.order("minji")
	}
	edges, _ := w.ask("minji", `{ viewer { chargeOrders { edges { cursor } } } }`).at("viewer", "chargeOrders", "edges").([]any)
	if len(edges) != 20 {
		t.Errorf("a page has %d orders by default, want 20", len(edges))
	}
	for _, first := range []string{"0", "-1", "101", "1000000000"} {
		for _, list := range []string{"chargeOrders", "pointTransactions"} {
			w.wantCode(w.ask("minji", `{ viewer { `+list+`(first: `+first+`) { edges { cursor } } } }`), apierror.InvalidArgument)
		}
	}
}

func TestACursorOfAnotherListIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wantCode(w.charge("minji", w.pay(w.order("minji"))), "")
	r := w.ask("minji", `{ viewer { pointTransactions { pageInfo { endCursor } } chargeOrders { pageInfo { endCursor } } } }`)
	lines, orders := r.at("viewer", "pointTransactions", "pageInfo", "endCursor"), r.at("viewer", "chargeOrders", "pageInfo", "endCursor")
	const after = `query($a: String) { viewer { %s(after: $a) { edges { cursor } } } }`
	w.wantCode(w.ask("minji", fmt.Sprintf(after, "pointTransactions"), "a", orders), apierror.InvalidArgument)
	w.wantCode(w.ask("minji", fmt.Sprintf(after, "chargeOrders"), "a", lines), apierror.InvalidArgument)
}
