package graph_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"pointcharge/graph"
	"pointcharge/internal/audit"
	"pointcharge/internal/auth"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
)

// What the tests of spending, refunds and expiry share.

const (
	spendPoints = `mutation($u: ID!, $n: Points!, $r: ID!) {
		spendPoints(input: {userId: $u, amount: $n, reference: $r, description: "커피"}) { ` + lineFields + ` } }`
	cancelSpend = `mutation($u: ID!, $n: Points!, $r: ID!, $c: ID!) {
		cancelSpend(input: {userId: $u, amount: $n, reference: $r, cancellation: $c, description: "반품"}) { ` + lineFields + ` } }`
	adjustPoints = `mutation($u: ID!, $n: Points!, $r: ID!) {
		adjustPoints(input: {userId: $u, amount: $n, reference: $r, reason: "사과"}) { ` + lineFields + ` } }`
	cancelCharge = `mutation($t: ID!, $n: Won!, $r: ID!) {
		cancelPointTransaction(input: {transactionId: $t, amount: $n, reference: $r, reason: "변심"}) {
			id reference amount status createdAt } }`
	quoteRefund = `query($t: ID!) { refundQuote(transactionId: $t) { amount points needsAccount reason } }`
	readWallet  = `{ viewer { balance spendable debt } }`
	lineFields  = `id kind amount balanceAfter impUid description order { merchantUid status } reverses { id kind }
		sources { reason amount lot { id kind initial remaining held transaction { id kind impUid } } }`
)

// newBonusWorld sells 5,000 points with a bonus of 500, which lives for that long.
func newBonusWorld(t *testing.T, life point.Lifetime) *world {
	t.Helper()
	w := newWorld(t, func(w *world, _ *graph.Resolver) { w.points.Lifetimes.Bonus = life })
	_, err := w.points.UpsertProduct(t.Context(), charge.Product{ID: "p1", Name: "포인트", Price: 5000, Points: 5000, BonusPoints: 500, Active: true})
	w.must(err)
	return w
}

// movableClock is the server's clock, which a test can advance.
type movableClock struct{ ahead atomic.Int64 }

func (c *movableClock) pass(d time.Duration) { c.ahead.Add(int64(d)) }

func (c *movableClock) set(w *world, _ *graph.Resolver) {
	w.points.Now = func() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }
}

const day = 24 * time.Hour

// serviceToken returns the token of a trusted backend.
func (w *world) serviceToken() string {
	w.Helper()
	return w.token("orders", auth.RoleService)
}

func (w *world) adminToken() string {
	w.Helper()
	return w.token("boss", auth.RoleAdmin)
}

// charged charges a user with one product and returns the id of the CHARGE line.
func (w *world) charged(user string) string {
	w.Helper()
	id, _ := w.chargedBy(user)
	return id
}

func (w *world) chargedBy(user string) (id, impUID string) {
	w.Helper()
	impUID = w.pay(w.order(user))
	r := w.charge(user, impUID)
	id, ok := r.at("createPointTransaction", "id").(string)
	if !ok {
		w.Fatalf("not charged: %s", r.text)
	}
	return id, impUID
}

func (w *world) spend(user string, points int64, reference string) reply {
	w.Helper()
	return w.askAs(w.serviceToken(), spendPoints, "u", user, "n", points, "r", reference)
}

func (w *world) unspend(user string, points int64, reference, cancellation string) reply {
	w.Helper()
	return w.askAs(w.serviceToken(), cancelSpend, "u", user, "n", points, "r", reference, "c", cancellation)
}

func (w *world) adjust(user string, points int64, reference string) reply {
	w.Helper()
	return w.askAs(w.adminToken(), adjustPoints, "u", user, "n", points, "r", reference)
}

func (w *world) refund(token, line string, won int64, reference string) reply {
	w.Helper()
	return w.askAs(token, cancelCharge, "t", line, "n", won, "r", reference)
}

// cancelRequests returns how often the gateway was asked to cancel a payment.
func (w *world) cancelRequests() int { return w.gateway.Requests()["POST /payments/cancel"] }

func (w *world) wantWallet(user string, balance, spendable, debt int64) {
	w.Helper()
	want := fmt.Sprintf(`{"data":{"viewer":{"balance":%d,"spendable":%d,"debt":%d}}}`, balance, spendable, debt)
	if r := w.ask(user, readWallet); r.text != want {
		w.Errorf("got %s, want %s", r.text, want)
	}
}

// wantAudited fails unless the audit finds nothing.
func (w *world) wantAudited() {
	w.Helper()
	findings, err := audit.Run(w.Context(), w.db, domaintest.Invariants())
	w.must(err)
	for _, f := range findings {
		w.Errorf("audit: %s", f)
	}
}

// countRows counts the rows that a refused request must not add.
func (w *world) countRows() (rows int64) {
	w.Helper()
	w.must(w.db.Raw(`SELECT (SELECT COUNT(*) FROM point_transactions) + (SELECT COUNT(*) FROM refunds) +
		(SELECT COUNT(*) FROM lot_uses) + (SELECT COUNT(*) FROM wallets) + (SELECT COUNT(*) FROM point_lots WHERE held > 0)`).Scan(&rows).Error)
	return rows
}

// pluck returns the value at a path of every element of a list: pluck(r.at("viewer",
// "expiringPoints"), "initial").
func pluck(list any, path ...string) []any {
	elements, _ := list.([]any)
	var found []any
	for _, e := range elements {
		fields, _ := e.(map[string]any)
		found = append(found, reply{Data: fields}.at(path...))
	}
	return found
}
