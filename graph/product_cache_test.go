package graph_test

import (
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/graph"
	"pointcharge/internal/auth"
)

func TestProductsAreCachedUntilOneChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *world, r *graph.Resolver) { r.ProductCacheTime = time.Hour })
	var reads atomic.Int64
	w.must(w.db.Callback().Query().Before("gorm:query").Register("count", func(tx *gorm.DB) {
		if tx.Statement.Table == "charge_products" {
			reads.Add(1)
		}
	}))
	const twice = `{ a: chargeProducts { price } b: chargeProducts { price } }`
	w.askAs("", twice)
	before := reads.Load()
	for range 20 {
		w.wantCode(w.askAs("", twice), "")
	}
	if reads.Load() != before || before == 0 {
		t.Errorf("twenty more requests made %d reads, the first %d", reads.Load()-before, before)
	}
	boss := w.token("boss", auth.RoleAdmin)
	w.wantCode(w.askAs(boss, `mutation { upsertChargeProduct(input: {id: "p1", name: "n", price: 7000, points: 7000, active: true}) { id } }`), "")
	products, _ := w.askAs("", `{ chargeProducts { price } }`).at("chargeProducts").([]any)
	if len(products) != 1 || products[0].(map[string]any)["price"] != 7000.0 {
		t.Errorf("after a change there are %v", products)
	}
	w.wantCode(w.askAs(boss, `{ chargeProducts(includeInactive: true) { price } }`), "")
}
