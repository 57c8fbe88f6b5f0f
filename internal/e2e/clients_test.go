package e2e

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"pointcharge/internal/apierror"
	testdb "pointcharge/internal/database/databasetest"
)

// clientRead is the data that one of the clients in graph/audit/clients.mjs has read.
type clientRead struct {
	Viewer struct {
		ID      string
		Balance int64
	}
	Line            string // the line of the client's charge
	Amount          int64
	Repeated, Wrong struct{ Code, TransactionID string } // the extensions of what was refused
}

// clientNames are the clients of clients.mjs, in the order in which they ask.
func clientNames() []string {
	return []string{"apollo", "apolloPersisted", "urql", "urqlPersisted", "request", "relay"}
}

// runClients lets each client make a charge, repeat it, and ask for an unknown field.
func runClients(t *testing.T, env environment) map[string]clientRead {
	t.Helper()
	needNode(t)
	s := openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)).with(env))
	arguments := []string{s.url + "/graphql", s.token}
	for range len(clientNames()) {
		arguments = append(arguments, s.pay(s.buy(s.token, "points-5000").MerchantUID, 5_000))
	}
	var read map[string]clientRead
	if printed := runNode(t, "clients.mjs", arguments...); json.Unmarshal([]byte(printed), &read) != nil {
		t.Fatalf("the clients say:\n%s", printed)
	}
	return read
}

// TestClientsReadDataAndCodes: with the statuses of the first edition, too, of which 294 and 422
// are new to clients.
func TestClientsReadDataAndCodes(t *testing.T) {
	t.Parallel()
	for _, draft := range []string{"false", "true"} {
		t.Run("GRAPHQL_HTTP_DRAFT="+draft, func(t *testing.T) {
			t.Parallel()
			read, lines := runClients(t, environment{"GRAPHQL_HTTP_DRAFT": draft}), map[string]bool{}
			for i, name := range clientNames() {
				r := read[name]
				lines[r.Line] = true
				if r.Viewer.ID != "minji" || r.Viewer.Balance != 5_000*int64(i+1) || r.Amount != 5_000 {
					t.Errorf("%s read other data: %+v", name, r)
				}
				if r.Repeated.Code != string(apierror.PaymentAlreadyCharged) || r.Repeated.TransactionID != r.Line {
					t.Errorf("%s cannot find the line of a repeated charge: %+v", name, r)
				}
				if r.Wrong.Code != string(apierror.InvalidArgument) {
					t.Errorf("%s read no code of a wrong query: %+v", name, r)
				}
			}
			if len(lines) != len(clientNames()) {
				t.Errorf("the clients share lines: %+v", read)
			}
		})
	}
}

// TestRelayChargesAndPagesByTrustedDocuments builds a front end with Relay's compiler, whose file of
// persisted documents is the server's list of trusted ones. Its client reads the ledger in pages of
// one line, which Relay joins to one list.
func TestRelayChargesAndPagesByTrustedDocuments(t *testing.T) {
	t.Parallel()
	needNode(t)
	app := t.TempDir()
	runNode(t, "relay.mjs", "compile", app, "../../schema.graphqls")
	trusted := environment{"TRUSTED_DOCUMENTS": filepath.Join(app, "persisted.json")}
	s := openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)).with(trusted))
	var read struct{ Charged, Lines []int64 }
	if printed := runNode(t, "relay.mjs", "run", app, s.url, s.token); json.Unmarshal([]byte(printed), &read) != nil {
		t.Fatalf("Relay says:\n%s", printed)
	}
	if !slices.Equal(read.Charged, []int64{5_000, 30_000}) || !slices.Equal(read.Lines, []int64{900, 30_000, 5_000}) {
		t.Errorf("Relay read %+v", read)
	}
}
