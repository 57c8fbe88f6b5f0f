package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	testdb "pointcharge/internal/database/databasetest"
)

func TestALimitIsASetting(t *testing.T) {
	t.Parallel()
	s := openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)).with(environment{"GRAPHQL_MAX_COST": "1"}))
	a := s.send(http.MethodPost, s.url+"/graphql", `{"query":"{ a: __typename b: __typename }"}`)
	if !strings.Contains(a.text, "at most 1 fields, its lists as long as they may become (GRAPHQL_MAX_COST)") {
		t.Errorf("got %s", a.text)
	}
}

// trustedFile is a file with one document, under the hash of another text if that is not empty.
func trustedFile(t *testing.T, document, hashed string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(hashed))
	file := filepath.Join(t.TempDir(), "persisted-documents.json")
	if err := os.WriteFile(file, fmt.Appendf(nil, `{%q: %q}`, hex.EncodeToString(sum[:]), document), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTrustedDocumentsCloseTheAPIToOtherDocuments(t *testing.T) {
	t.Parallel()
	const trusted = "{ viewer { id } }"
	file := trustedFile(t, trusted, trusted)
	s := openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)).with(environment{"TRUSTED_DOCUMENTS": file}))
	for query, want := range map[string]string{trusted: `"id":"minji"`, "{ viewer { balance } }": "is not a trusted one"} {
		a := s.send(http.MethodPost, s.url+"/graphql", fmt.Sprintf(`{"query":%q}`, query), "Authorization", "Bearer "+s.token)
		if !strings.Contains(a.text, want) {
			t.Errorf("%s: %s", query, a.text)
		}
	}
}

func TestTrustedDocumentsThatAreWrongStopTheStart(t *testing.T) {
	t.Parallel()
	for _, file := range []string{trustedFile(t, "{ a }", "{ b }"), filepath.Join(t.TempDir(), "none.json")} {
		_, err := finish(t, sandboxOn("file:"+filepath.Join(t.TempDir(), "p.db")).with(environment{"TRUSTED_DOCUMENTS": file}))
		if !isUsageError(err) || !strings.Contains(err.Error(), "TRUSTED_DOCUMENTS is wrong: ") || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
