package graph_test

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	gql "github.com/vektah/gqlparser/v2/ast"

	"pointcharge/graph"
	"pointcharge/internal/sandbox"
)

// guard says why a resolver below the roots needs no check of its own.
type guard string

const (
	public   guard = "what it reads is the shop's, for anybody"
	ofParent guard = "it reads what its object refers to, and whoever has the object passed a root's check of its owner"
)

// guards has every resolver of ours below the roots. What is not in it fails
// TestEveryResolverSaysWhoMayUseIt.
func guards() map[string]guard {
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

// resolvers are the fields that code of ours answers, as gqlgen wants them of it: by type, and
// name.
func resolvers(t *testing.T) map[string]bool {
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

// TestEveryResolverSaysWhoMayUseIt fails for a resolver with neither a check, which accesses tells
// of and TestOnlyThoseMayUseAnOperation tries, nor a mark.
func TestEveryResolverSaysWhoMayUseIt(t *testing.T) {
	t.Parallel()
	marks, checks, found := guards(), accesses(), resolvers(t)
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

// route is how a resolver is reached from an operation.
type route struct {
	name  string   // of the resolver
	steps []string // the fields from below the operation down to it
	leaf  string   // what it is asked for
}

// routes are the shortest ones from an object of the type to every resolver below it.
func routes(t *testing.T, from string) []route {
	t.Helper()
	ours, seen, found := resolvers(t), map[string]bool{from: true}, []route(nil)
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
				step += "(first: 9)" // or it costs too much
			}
			steps := append(here.steps[:len(here.steps):len(here.steps)], step)
			if name := here.object + "." + field.Name; ours[name] {
				found = append(found, route{name, steps, leaves(t, below)})
			}
			if below.Kind == gql.Object && !seen[below.Name] {
				seen[below.Name] = true
				queue = append(queue, place{below.Name, steps})
			}
		}
	}
	return found
}

// leaves selects all that an object says, and the ids of what is next to it; of a page, of its
// entries.
func leaves(t *testing.T, object *gql.Definition) string {
	t.Helper()
	var names []string
	for _, field := range object.Fields {
		switch below := schema(t).Types[field.Type.Name()]; {
		case below.Kind != gql.Object:
			names = append(names, field.Name)
		case field.Name == "edges" || field.Name == "node":
			names = append(names, field.Name+" "+leaves(t, below))
		case below.Fields.ForName("id") != nil:
			names = append(names, field.Name+" { id }")
		}
	}
	return "{ " + strings.Join(names, " ") + " }"
}

// selection is what an operation has to be asked for to reach the resolver.
func (r route) selection() string {
	return "{ " + strings.Join(r.steps, " { ") + " " + r.leaf + strings.Repeat(" }", len(r.steps))
}

// reached tells whether the resolver has answered with something.
func reached(value any, steps []string) bool {
	switch value := value.(type) {
	case nil:
		return false
	case []any:
		for _, one := range value {
			if reached(one, steps) {
				return true
			}
		}
		return false
	case map[string]any:
		if len(steps) == 0 {
			return true
		}
		name, _, _ := strings.Cut(steps[0], "(")
		return reached(value[name], steps[1:])
	}
	return true
}

// numbersOf are what names anything of the user's: orders, payments, lines, lots and bank accounts.
func (w *world) numbersOf(user string) (numbers []string) {
	w.Helper()
	w.must(w.db.Raw(`SELECT merchant_uid FROM charge_orders WHERE user_id = @user UNION SELECT imp_uid FROM payments WHERE user_id = @user
		UNION SELECT id FROM point_transactions WHERE user_id = @user UNION SELECT id FROM point_lots WHERE user_id = @user
		UNION SELECT vbank_num FROM payments WHERE user_id = @user AND vbank_num <> ''`,
		map[string]any{"user": user}).Scan(&numbers).Error)
	return numbers
}

func anyIn(text string, numbers []string) bool {
	for _, number := range numbers {
		if strings.Contains(text, number) {
			return true
		}
	}
	return false
}

// lived is a world where minji and junho have something of everything. It returns minji's numbers
// by what accesses calls them.
func lived(t *testing.T) (w *world, hers []map[string]string) {
	t.Helper()
	w = newBonusWorld(t)
	for _, user := range []string{"minji", "junho"} {
		waiting := w.order(user)
		account := w.pay(waiting, func(p *sandbox.Payment) {
			p.Status, p.PayMethod, p.VbankName, p.VbankNum, p.VbankDate = sandbox.Ready, "vbank", "신한은행", sandbox.Text("110-"+user), 4_000_000_000
		})
		_, err := w.points.Sync(t.Context(), account)
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

// TestNothingBelowAnothersObjectsIsReached asks every operation that can be given an id of minji's,
// and those that need none, for everything below it: as minji, to see that there is something, and
// as junho, who must not see any of it.
func TestNothingBelowAnothersObjectsIsReached(t *testing.T) {
	t.Parallel()
	w, hers := lived(t)
	numbers, seen := w.numbersOf("minji"), map[string]bool{}
	minji, junho, boss := w.token("minji"), w.token("junho"), w.boss()
	for _, root := range []string{"Query", "Mutation"} {
		for _, operation := range schema(t).Types[root].Fields {
			template := accesses()[operation.Name].query
			for _, r := range routes(t, operation.Type.Name()) {
				for _, ids := range hers {
					query := innermost.ReplaceAllLiteralString(template, r.selection()+" }")
					if of := accesses()[operation.Name].of; of != "" {
						query = fmt.Sprintf(query, ids[of])
					}
					if got := w.askAs(junho, query); anyIn(got.text, numbers) {
						t.Errorf("junho reaches %s by %s: %s", r.name, query, got.text)
					}
					if root == "Query" {
						for _, token := range []string{minji, boss} {
							got := w.askAs(token, query)
							seen[r.name] = seen[r.name] || anyIn(got.text, numbers) && reached(got.at(operation.Name), r.steps)
						}
					}
				}
			}
		}
	}
	for name, guard := range guards() {
		if !seen[name] && guard != public {
			t.Errorf("minji never reached %s: that nobody else does proves nothing", name)
		}
	}
}
