package graph_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"pointcharge/graph"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/gqlguard"
	"pointcharge/internal/sandbox"
)

// maxStatements is how many statements a page may need, however long it is.
const maxStatements = 8

// countStatements counts the statements that read from the database.
func countStatements(w *world, counted *atomic.Int64) {
	count := func(*gorm.DB) { counted.Add(1) }
	w.must(w.db.Callback().Query().Before("gorm:query").Register("count", count))
	w.must(w.db.Callback().Row().Before("gorm:row").Register("count", count))
	w.must(w.db.Callback().Raw().Before("gorm:raw").Register("count", count))
}

// newLongWorld has a hundred lines, orders and lots of minji's.
func newLongWorld(t *testing.T, db *gorm.DB) *world {
	w := newWorldOn(t, db, func(_ *world, r *graph.Resolver) { r.Limits = gqlguard.Limits{Cost: 1_000_000} })
	for i := range 50 {
		w.charged("minji")
		w.wantCode(w.spend("minji", 4_500, fmt.Sprint("o", i)), "")
		w.wantCode(w.unspend("minji", 4_000, fmt.Sprint("o", i), fmt.Sprint("c", i)), "")
		w.wantCode(w.adjust("minji", 3_000, fmt.Sprint("a", i)), "")
		order := w.order("minji")
		_, err := w.points.Sync(t.Context(), domaintest.Webhook(), w.pay(order, func(p *sandbox.Payment) {
			p.Status, p.PayMethod, p.VbankName, p.VbankNum, p.VbankDate = sandbox.Ready, "vbank", "신한은행", "110-123", 4_000_000_000
		}))
		w.must(err)
	}
	return w
}

func TestAPageNeedsFewStatementsHoweverLongItIs(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		w := newLongWorld(t, db)
		var counted atomic.Int64
		countStatements(w, &counted)
		for list, body := range map[string]string{
			"pointTransactions": "node { id order { merchantUid status } reverses { id kind } sources { amount lot { id kind transaction { id } } } }",
			"chargeOrders":      "node { merchantUid transaction { id } virtualAccount { bank } product { id name } }",
			"balanceExplained":  "node { id transaction { id order { status } } } uses { amount transaction { id kind } }",
		} {
			counted.Store(0)
			r := w.ask("minji", "{ viewer { "+list+"(first: 100) { edges { "+body+" } } } }")
			edges, _ := r.at("viewer", list, "edges").([]any)
			if w.wantCode(r, ""); len(edges) != 100 || counted.Load() > maxStatements {
				t.Errorf("%d statements for %d of %s", counted.Load(), len(edges), list)
			}
			t.Logf("%d statements for %s", counted.Load(), list)
		}
	})
}

func TestAPageHasWhatItsObjectsHaveAlone(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		w := newLongWorld(t, db)
		const line = "id order { merchantUid transaction { id } product { id } virtualAccount { number } } reverses { id } sources { reason amount lot { id transaction { id } } }"
		page, _ := w.ask("minji", "{ viewer { pointTransactions(first: 100) { edges { node { "+line+" } } } } }").at("viewer", "pointTransactions", "edges").([]any)
		for _, edge := range page[:40] {
			node := edge.(map[string]any)["node"].(map[string]any)
			alone := w.ask("minji", "query($id: ID!) { pointTransaction(id: $id) { "+line+" } }", "id", node["id"]).at("pointTransaction")
			if fmt.Sprint(alone) != fmt.Sprint(node) {
				t.Errorf("alone it has %v, in the page %v", alone, node)
			}
		}
	})
}

// The objects of a page that wait for its read must hold none of the few slots for look-ups.
func TestAPageThatIsReadSlowlyKeepsOthersFromNothing(t *testing.T) {
	t.Parallel()
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("there is one slot, and the slow read has it")
	}
	w := newWorld(t)
	for range 9 {
		w.order("minji")
	}
	reading, release := make(chan struct{}), make(chan struct{})
	w.must(w.db.Callback().Query().Before("gorm:query").Register("hang", func(tx *gorm.DB) {
		if tx.Statement.Table == "charge_products" {
			close(reading)
			<-release
		}
	}))
	const many = "{ viewer { chargeOrders { edges { node { %s } } } } }"
	transactions := repeatNumbered(25, " a#: transaction { id }") // so many that the operation needs slots
	slow := make(chan reply)
	go func() { slow <- w.ask("minji", fmt.Sprintf(many, transactions+" product { id }")) }()
	<-reading
	w.wantCode(w.ask("minji", fmt.Sprintf(many, transactions)), "")
	close(release)
	w.wantCode(<-slow, "")
}
