package graph_test

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	gql "github.com/vektah/gqlparser/v2/ast"

	"pointcharge/graph"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// guard is the reason why a resolver below the roots needs no check of its own.
type guard string

const (
	public   guard = "what it reads is the shop's, for anybody"
	ofParent guard = "it reads what its object refers to, and whoever has the object passed a root's check of its owner"
)

// ownershipGuards has every resolver below the roots. TestEveryResolverSaysWhoMayUseIt fails for a
// resolver that is missing.
func ownershipGuards() map[string]guard {
	return map[string]guard{
		"ChargeOrder.product":        public,
		"ChargeOrder.checkout":       ofParent,
		"ChargeOrder.transaction":    ofParent,
		"ChargeOrder.virtualAccount": ofParent,
		"PointLot.transaction":       ofParent,
		"PointLotEdge.uses":          ofParent,
		"PointLotUse.transaction":    ofParent,
		"PointSource.lot":            ofParent,
		"PointTransaction.order":     ofParent,
		"PointTransaction.reverses":  ofParent,
		"PointTransaction.sources":   ofParent,
		"User.balanceExplained":      ofParent,
		"User.chargeOrders":          ofParent,
		"User.expiringPoints":        ofParent,
		"User.pointTransactions":     ofParent,
	}
}

// nestedResolvers returns the fields that our own code resolves, by type and name, as gqlgen lists
// them.
func nestedResolvers(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for root := range reflect.TypeFor[graph.ResolverRoot]().Methods() {
		for method := range root.Type.Out(0).Methods() {
			for _, field := range schema(t).Types[root.Name].Fields {
				if strings.EqualFold(field.Name, method.Name) {
					found[root.Name+"."+field.Name] = true
				}
			}
		}
	}
	return found
}

// A resolver needs a check, which operationAccess lists and TestOnlyThoseMayUseAnOperation tries,
// or a guard.
func TestEveryResolverSaysWhoMayUseIt(t *testing.T) {
	t.Parallel()
	marks, checks, found := ownershipGuards(), operationAccess(), nestedResolvers(t)
	for name := range found {
		root, field, _ := strings.Cut(name, ".")
		_, ok := marks[name]
		if isRoot(root) {
			_, ok = checks[field]
		}
		if !ok {
			t.Errorf("nobody says who may use %s", name)
		}
	}
	for name := range marks {
		if !found[name] {
			t.Errorf("there is no resolver %s", name)
		}
	}
}

func isRoot(name string) bool { return isOneOf(name, []string{"Query", "Mutation", "Subscription"}) }

// route is the way from an operation to a resolver.
type route struct {
	name  string   // of the resolver
	steps []string // the fields from below the operation down to it
	leaf  string   // the selection of the last field
}

// shortestRoutes returns the shortest route from an object of the type to every resolver below it.
func shortestRoutes(t *testing.T, from string) []route {
	t.Helper()
	ours, seen, found := nestedResolvers(t), map[string]bool{from: true}, []route(nil)
	type place struct {
		object string
		steps  []string
	}
	for queue := []place{{object: from}}; len(queue) > 0; queue = queue[1:] {
		here := queue[0]
		for _, field := range schema(t).Types[here.object].Fields {
			below := schema(t).Types[field.Type.Name()]
			step := field.Name
			if field.Arguments.ForName("first") != nil {
				step += "(first: 9)" // more would exceed the limit on cost
			}
			steps := append(here.steps[:len(here.steps):len(here.steps)], step)
			if name := here.object + "." + field.Name; ours[name] {
				found = append(found, route{name, steps, leafSelection(t, below)})
			}
			if below.Kind == gql.Object && !seen[below.Name] {
				seen[below.Name] = true
				queue = append(queue, place{below.Name, steps})
			}
		}
	}
	return found
}

// leafSelection selects all scalar fields of an object and the ids of the objects next to it; for a
// page, those of its entries.
func leafSelection(t *testing.T, object *gql.Definition) string {
	t.Helper()
	var names []string
	for _, field := range object.Fields {
		switch below := schema(t).Types[field.Type.Name()]; {
		case below.Kind != gql.Object:
			names = append(names, field.Name)
		case field.Name == "edges" || field.Name == "node":
			names = append(names, field.Name+" "+leafSelection(t, below))
		case below.Fields.ForName("id") != nil:
			names = append(names, field.Name+" { id }")
		}
	}
	return "{ " + strings.Join(names, " ") + " }"
}

// selection returns the fields that an operation must select to reach the resolver.
func (r route) selection() string {
	return "{ " + strings.Join(r.steps, " { ") + " " + r.leaf + strings.Repeat(" }", len(r.steps))
}

// hasAnswered tells whether the resolver answered with a value.
func hasAnswered(value any, steps []string) bool {
	switch value := value.(type) {
	case nil:
		return false
	case []any:
		for _, one := range value {
			if hasAnswered(one, steps) {
				return true
			}
		}
		return false
	case map[string]any:
		if len(steps) == 0 {
			return true
		}
		name, _, _ := strings.Cut(steps[0], "(")
		return hasAnswered(value[name], steps[1:])
	}
	return true
}

// idsOfUser returns the ids of all that belongs to a user: orders, payments, lines, lots and bank
// accounts.
func (w *world) idsOfUser(user string) (numbers []string) {
	w.Helper()
	w.must(w.db.Raw(`SELECT merchant_uid FROM charge_orders WHERE user_id = @user UNION SELECT imp_uid FROM payments WHERE user_id = @user
		UNION SELECT id FROM point_transactions WHERE user_id = @user UNION SELECT id FROM point_lots WHERE user_id = @user
		UNION SELECT vbank_num FROM payments WHERE user_id = @user AND vbank_num <> ''`,
		map[string]any{"user": user}).Scan(&numbers).Error)
	return numbers
}

func containsAny(text string, numbers []string) bool {
	for _, number := range numbers {
		if strings.Contains(text, number) {
			return true
		}
	}
	return false
}

// newPopulatedWorld returns a world where minji and junho have one of every kind of object, and
// minji's ids under the names that operationAccess uses.
func newPopulatedWorld(t *testing.T) (w *world, hers []map[string]string) {
	t.Helper()
	w = newBonusWorld(t, point.Days(10))
	for _, user := range []string{"minji", "junho"} {
		waiting := w.order(user)
		account := w.pay(waiting, func(p *sandbox.Payment) {
			p.Status, p.PayMethod, p.VbankName, p.VbankNum, p.VbankDate = sandbox.Ready, "vbank", "신한은행", sandbox.Text("110-"+user), 4_000_000_000
		})
		_, err := w.points.Sync(t.Context(), domaintest.Webhook(), account)
		w.must(err)
		w.chargedBy(user)
		spent, _ := w.spend(user, 5_100, "s").at("spendPoints", "id").(string)
		back, _ := w.unspend(user, 100, "s", "c").at("cancelSpend", "id").(string)
		if user == "minji" {
			line, impUID := w.chargedBy(user)
			order, _ := w.ask(user, `query($id: ID!) { pointTransaction(id: $id) { order { merchantUid } } }`, "id", line).
				at("pointTransaction", "order", "merchantUid").(string)
			hers = []map[string]string{{"order": waiting, "line": spent, "payment": impUID}, {"order": order, "line": back, "payment": impUID},
				{"order": order, "line": line, "payment": impUID}}
		}
	}
	return w, hers
}

var innermost = regexp.MustCompile(`\{ \w+ \} \}$`)

// The test selects everything below every operation that takes an id of minji's or no id. Minji
// sees it, so there is something to see; junho must not see any of it.
func TestNothingBelowAnothersObjectsIsReached(t *testing.T) {
	t.Parallel()
	w, hers := newPopulatedWorld(t)
	numbers, seen := w.idsOfUser("minji"), map[string]bool{}
	minji, junho, boss := w.token("minji"), w.token("junho"), w.adminToken()
	for _, root := range []string{"Query", "Mutation"} {
		for _, operation := range schema(t).Types[root].Fields {
			template := operationAccess()[operation.Name].query
			for _, r := range shortestRoutes(t, operation.Type.Name()) {
				for _, ids := range hers {
					query := innermost.ReplaceAllLiteralString(template, r.selection()+" }")
					if of := operationAccess()[operation.Name].of; of != "" {
						query = fmt.Sprintf(query, ids[of])
					}
					if got := w.askAs(junho, query); containsAny(got.text, numbers) {
						t.Errorf("junho reaches %s by %s: %s", r.name, query, got.text)
					}
					if root == "Query" {
						for _, token := range []string{minji, boss} {
							got := w.askAs(token, query)
							seen[r.name] = seen[r.name] || containsAny(got.text, numbers) && hasAnswered(got.at(operation.Name), r.steps)
						}
					}
				}
			}
		}
	}
	for name, guard := range ownershipGuards() {
		if !seen[name] && guard != public {
			t.Errorf("minji never reached %s: that nobody else does proves nothing", name)
		}
	}
}
