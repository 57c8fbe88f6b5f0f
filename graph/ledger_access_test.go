package graph_test

import (
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
)

// operation is a request about minji's objects: a charge that can be refunded, a spend that can be
// cancelled.
type operation struct {
	name, query string
	writes      bool
	// want is the code for somebody without a token, a stranger, minji herself, a service and an
	// admin.
	want [5]apierror.Code
}

func operations(chargeID string) []operation {
	const none, forbidden, missing = apierror.Unauthenticated, apierror.Forbidden, apierror.NotFound
	return []operation{
		{"refundQuote", `{ refundQuote(transactionId: "` + chargeID + `") { amount } }`, false,
			[5]apierror.Code{none, missing, "", missing, ""}},
		{"user", `{ user(id: "minji") { id balance spendable debt expiringPoints { id } balanceExplained { edges { uses { amount } } }
			pointTransactions { edges { node { amount } } } chargeOrders { edges { cursor } } } }`, false,
			[5]apierror.Code{none, forbidden, forbidden, "", ""}},
		{"spendPoints", `mutation { spendPoints(input: {userId: "minji", amount: 10, reference: "s2"}) { id } }`, true,
			[5]apierror.Code{none, forbidden, forbidden, "", ""}},
		{"cancelSpend", `mutation { cancelSpend(input: {userId: "minji", amount: 10, reference: "s1", cancellation: "c1"}) { id } }`, true,
			[5]apierror.Code{none, forbidden, forbidden, "", ""}},
		{"adjustPoints", `mutation { adjustPoints(input: {userId: "minji", amount: 10, reference: "a1", reason: "x"}) { id } }`, true,
			[5]apierror.Code{none, forbidden, forbidden, forbidden, ""}},
		{"cancelPointTransaction", `mutation { cancelPointTransaction(input: {transactionId: "` + chargeID + `", amount: 5000,
			reference: "r1", reason: "x"}) { id } }`, true,
			[5]apierror.Code{none, missing, "", missing, ""}},
	}
}

// Every operation is tried by every kind of caller, each on new books.
func TestWhoMayDoWhatWithTheLedger(t *testing.T) {
	t.Parallel()
	for i, who := range []string{"nobody", "stranger", "owner", "service", "admin"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			token := []string{"", w.token("junho"), w.token("minji"), w.serviceToken(), w.adminToken()}[i]
			w.charged("minji")
			chargeID := w.charged("minji")
			w.wantCode(w.spend("minji", 100, "s1"), "")
			for _, o := range operations(chargeID) {
				before, asked := w.countRows(), w.cancelRequests()
				if w.wantCode(w.askAs(token, o.query), o.want[i]); t.Failed() {
					t.Fatal(o.name)
				}
				if wrote := w.countRows() != before; wrote != (o.writes && o.want[i] == "") {
					t.Errorf("%s: it wrote: %v", o.name, wrote)
				}
				if o.want[i] != "" && w.cancelRequests() != asked {
					t.Errorf("%s: the gateway was asked to cancel", o.name)
				}
			}
			w.wantAudited()
		})
	}
}

// A token's role opens user(id), but not the objects of other users.
func TestServicesAndAdminsAreNoOwnersByTheirRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	line := w.charged("minji")
	for _, role := range []auth.Role{auth.RoleService, auth.RoleAdmin} {
		r := w.askAs(w.token("other", role), `query($id: ID!) { pointTransaction(id: $id) { id } viewer { id balance } }`, "id", line)
		w.want(r, nil, "pointTransaction")
		w.want(r, 0.0, "viewer", "balance")
	}
}

func TestAStrangersChargeCannotBeToldFromNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	line := w.charged("minji")
	stranger := w.token("junho")
	theirs, unknown := w.askAs(stranger, quoteRefund, "t", line), w.askAs(stranger, quoteRefund, "t", "unknown")
	if theirs.text != unknown.text {
		t.Errorf("a quote tells:\n%s\n%s", theirs.text, unknown.text)
	}
	theirs, unknown = w.refund(stranger, line, 5_000, "r"), w.refund(stranger, "unknown", 5_000, "r")
	if theirs.text != unknown.text {
		t.Errorf("a refund tells:\n%s\n%s", theirs.text, unknown.text)
	}
}

// The requester, the operator and the role of an admin come from the token.
func TestWhoAsksIsNoArgument(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	line := w.charged("minji")
	for _, more := range []string{`admin: true`, `Admin: true`, `requestedBy: "boss"`, `userId: "junho"`} {
		r := w.ask("minji", `mutation { cancelPointTransaction(input: {transactionId: "`+line+`", amount: 1, reference: "r", reason: "x", `+more+`}) { id } }`)
		w.wantCode(r, apierror.InvalidArgument)
	}
	r := w.askAs(w.adminToken(), `mutation { adjustPoints(input: {userId: "minji", amount: 1, reference: "r", reason: "x", operator: "me"}) { id } }`)
	w.wantCode(r, apierror.InvalidArgument)
}

func TestTheOperatorOfAnAdjustmentIsTheToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wantCode(w.adjust("minji", 100, "a1"), "")
	var operator string
	w.must(w.db.Raw("SELECT actor_id FROM point_transactions WHERE kind = 'ADJUST'").Scan(&operator).Error)
	if operator != "boss" {
		t.Errorf("the operator is %q", operator)
	}
}
