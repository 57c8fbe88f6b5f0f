package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	testdb "pointcharge/internal/database/databasetest"
)

const auditFolder = "graph/audit"

// auditSuite is the npm package that says what GraphQL over HTTP is; without it, or without Node, there is nothing to
// compare the server with.
func auditSuite(t *testing.T) {
	t.Helper()
	_, missing := exec.LookPath("node")
	if missing == nil {
		_, missing = os.Stat(auditFolder + "/node_modules/graphql-http")
	}
	switch {
	case missing != nil && os.Getenv("REQUIRE_NODE") != "":
		t.Fatalf("REQUIRE_NODE is set: %v; run npm ci in %s", missing, auditFolder)
	case missing != nil:
		t.Skipf("%v; run npm ci in %s", missing, auditFolder)
	}
}

func audits(t *testing.T, env environment) string {
	t.Helper()
	auditSuite(t)
	s := openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)).with(env))
	command := exec.CommandContext(t.Context(), "node", "audit.mjs", s.url+"/graphql")
	command.Dir = auditFolder
	printed, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, printed)
	}
	return string(printed)
}

func TestAuditOfGraphQLOverHTTP(t *testing.T) {
	t.Parallel()
	if printed := audits(t, nil); printed != "61 audits, 61 passed\n" {
		t.Errorf("the audits say:\n%s", printed)
	}
}

// The suite follows the draft before the first edition: it is these two that GRAPHQL_HTTP_DRAFT answers otherwise, on
// purpose, and that prove the test above can fail.
func TestAuditFindsWhatTheDraftSwitchChanges(t *testing.T) {
	t.Parallel()
	printed := audits(t, environment{"GRAPHQL_HTTP_DRAFT": "true"})
	for _, want := range []string{"423L ", "86EE ", "61 audits, 59 passed\n"} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in what the audits say:\n%s", want, printed)
		}
	}
}
