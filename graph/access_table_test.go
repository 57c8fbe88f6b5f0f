package graph_test

import (
	"fmt"
	"slices"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
)

// access describes who may use an operation. Every field of the schema's roots must have one; see
// TestEveryOperationSaysWhoMayUseIt.
type access struct {
	query string // %s is the id of an object of minji's, or of no object
	open  bool   // needs no token
	roles []auth.Role
	of    string // the kind of the id: "order", "line" or "payment"; empty for an operation without one
}

func operationAccess() map[string]access {
	service, admin := []auth.Role{auth.RoleService, auth.RoleAdmin}, []auth.Role{auth.RoleAdmin}
	return map[string]access{
		"chargeProducts":         {query: `{ chargeProducts { id } }`, open: true},
		"payMethods":             {query: `{ payMethods }`, open: true},
		"viewer":                 {query: `{ viewer { id } }`},
		"chargeOrder":            {query: `{ chargeOrder(merchantUid: "%s") { status } }`, of: "order"},
		"pointTransaction":       {query: `{ pointTransaction(id: "%s") { kind } }`, of: "line"},
		"refundQuote":            {query: `{ refundQuote(transactionId: "%s") { amount } }`, of: "line"},
		"user":                   {query: `{ user(id: "minji") { balance } }`, roles: service},
		"createChargeOrder":      {query: `mutation { createChargeOrder(productId: "p1") { status } }`},
		"createPointTransaction": {query: `mutation { createPointTransaction(impUid: "%s") { id } }`, of: "payment"},
		"cancelPointTransaction": {query: `mutation { cancelPointTransaction(input: {transactionId: "%s", amount: 1, reference: "r", reason: "x"}) { id } }`, of: "line"},
		"issueVirtualAccount":    {query: `mutation { issueVirtualAccount(input: {merchantUid: "%s", bank: "088", holder: "h"}) { status } }`, of: "order"},
		"revokeVirtualAccount":   {query: `mutation { revokeVirtualAccount(merchantUid: "%s") { status } }`, of: "order"},
		"spendPoints":            {query: `mutation { spendPoints(input: {userId: "minji", amount: 1, reference: "r"}) { id } }`, roles: service},
		"cancelSpend":            {query: `mutation { cancelSpend(input: {userId: "minji", amount: 1, reference: "r", cancellation: "c"}) { id } }`, roles: service},
		"adjustPoints":           {query: `mutation { adjustPoints(input: {userId: "minji", amount: 1, reference: "r", reason: "x"}) { id } }`, roles: admin},
		"upsertChargeProduct":    {query: `mutation { upsertChargeProduct(input: {id: "p", name: "n", price: 1, points: 1}) { id } }`, roles: admin},
		// Asked at another address: see TestWhatIsNoRequestForAStreamHasAStatus, which has no
		// token, and TestAStreamBringsTheViewersLinesThatAnotherServerWrites, where others write
		// lines, too.
		"viewerTransactionAdded": {},
	}
}

// A new field of a root must be added to the table.
func TestEveryOperationSaysWhoMayUseIt(t *testing.T) {
	t.Parallel()
	table, known := operationAccess(), 0
	for _, root := range []string{"Query", "Mutation", "Subscription"} {
		for _, field := range schema(t).Types[root].Fields {
			if field.Name == "__schema" || field.Name == "__type" {
				continue
			}
			if _, ok := table[field.Name]; !ok {
				t.Errorf("nobody says who may use %s.%s", root, field.Name)
			}
			known++
		}
	}
	if known != len(table) {
		t.Errorf("the schema has %d operations, the table %d", known, len(table))
	}
}

// Each operation is called without a token, as a user, as a service and as an admin.
func TestOnlyThoseMayUseAnOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, a := range operationAccess() {
		if a.query == "" {
			continue
		}
		query := a.query
		if a.of != "" {
			query = fmt.Sprintf(query, "nothing")
		}
		if code := w.askAs("", query).code(); (code == apierror.Unauthenticated) == a.open {
			t.Errorf("%s without a token: %q", name, code)
		}
		for _, role := range []auth.Role{auth.RoleUser, auth.RoleService, auth.RoleAdmin} {
			code := w.askAs(w.token("junho", role), query).code()
			allowed := a.roles == nil || slices.Contains(a.roles, role)
			if (code == apierror.Forbidden) == allowed || code == apierror.Unauthenticated {
				t.Errorf("%s as %s: %q", name, role, code)
			}
		}
	}
}

// Users other than the owner read and change nothing, and cannot tell that the object exists.
func TestWhatIsAnothersLooksLikeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	merchantUID := w.order("minji")
	impUID := w.pay(merchantUID)
	line, _ := w.charge("minji", impUID).at("createPointTransaction", "id").(string)
	theirs := map[string]string{"order": merchantUID, "line": line, "payment": impUID}
	for name, a := range operationAccess() {
		if a.of == "" {
			continue
		}
		for _, role := range []auth.Role{auth.RoleUser, auth.RoleService} {
			stranger := w.token("junho", role)
			got, want := w.askAs(stranger, fmt.Sprintf(a.query, theirs[a.of])), w.askAs(stranger, fmt.Sprintf(a.query, "nothing"))
			if got.text != want.text {
				t.Errorf("%s as %s:\n%s\nand of nothing:\n%s", name, role, got.text, want.text)
			}
		}
	}
}
