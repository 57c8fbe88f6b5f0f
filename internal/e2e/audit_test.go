package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	testdb "pointcharge/internal/database/databasetest"
)

const auditFolder = "../../graph/audit"

// needNode skips a test with a script of the given folder on a machine without Node or without the
// script's modules. With -short needNode skips, too: CI runs all tests three times, and the
// scripts' results are the same each time.
func needNode(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("scripts run without -short only")
	}
	_, missing := exec.LookPath("node")
	if missing == nil {
		_, missing = os.Stat(auditFolder + "/node_modules/playwright-core")
	}
	switch {
	case missing != nil && os.Getenv("REQUIRE_NODE") != "":
		t.Fatalf("REQUIRE_NODE is set: %v; run npm ci in %s", missing, auditFolder)
	case missing != nil:
		t.Skipf("%v; run npm ci in %s", missing, auditFolder)
	}
}

// runNode runs a script and returns its output.
func runNode(t *testing.T, script string, arguments ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "node", append([]string{script}, arguments...)...)
	command.Dir = auditFolder
	printed, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, printed)
	}
	return string(printed)
}

func runAudits(t *testing.T, env environment) string {
	t.Helper()
	needNode(t)
	s := openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)).with(env))
	return runNode(t, "audit.mjs", s.url+"/graphql")
}

func TestAuditOfGraphQLOverHTTP(t *testing.T) {
	t.Parallel()
	if printed := runAudits(t, nil); printed != "61 audits, 61 passed\n" {
		t.Errorf("the audits say:\n%s", printed)
	}
}

// The suite follows the draft before the first edition. GRAPHQL_HTTP_DRAFT answers the two cases
// below otherwise, on purpose; the two prove that the test above can fail.
func TestAuditFindsTheEffectsOfTheDraftSwitch(t *testing.T) {
	t.Parallel()
	printed := runAudits(t, environment{"GRAPHQL_HTTP_DRAFT": "true"})
	for _, want := range []string{"423L ", "86EE ", "61 audits, 59 passed\n"} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in what the audits say:\n%s", want, printed)
		}
	}
}
