package gqlguard_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pointcharge/internal/gqlguard"
)

const (
	trustedQuery        = "query Mine { viewer { id } }"
	trustedMutation     = "mutation($id: ID!) { createPointTransaction(impUid: $id) { id order { status } } }"
	trustedSubscription = "subscription($after: Int) { viewerTransactionAdded(after: $after) { seq kind amount } }"
)

func sha(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func trustedFile(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "persisted-documents.json")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAFileOfTrustedDocumentsThatIsWrongIsRefused(t *testing.T) {
	t.Parallel()
	guard := newGuard(t)
	for want, content := range map[string]string{
		"is not a JSON object":     `[]`,
		"is not a JSON object of":  `{"a": 1}`,
		"has no document":          `{}`,
		"is no SHA-256":            `{"0123": "{ viewer { id } }"}`,
		"hashAlgorithm":            `{"` + strings.Repeat("a", 40) + `": "{ viewer { id } }"}`,
		"which is " + sha("{ a }"): `{"` + sha("{ b }") + `": "{ a }"}`,
		"cannot be answered":       `{"` + sha("{") + `": "{"}`,
	} {
		_, err := guard.ReadTrustedDocuments(trustedFile(t, content), false)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
	if _, err := guard.ReadTrustedDocuments(filepath.Join(t.TempDir(), "none.json"), false); err == nil {
		t.Error("a missing file is accepted")
	}
}

// The documents of another version's front end are found when the server starts, all of them, and
// not when its users come.
func TestEveryTrustedDocumentThatWouldBeRefusedIsNamed(t *testing.T) {
	t.Parallel()
	bad := map[string]string{
		"{":                                 "Expected Name",
		"{ viewer { password } }":           `Cannot query field "password" on type "User".`,
		"query($n: Int!) { viewer { id } }": `Variable "$n" is never used.`,
		"{ viewer {" + repeat(31, " a#: id") + " } }":                                                                   "A document has at most 30 aliases.",
		"{ viewer { chargeOrders(first: 5000) { edges { cursor node { status } } } } }":                                 "(GRAPHQL_MAX_COST)",
		"query A { viewer { id } } query B($n: Int = 6000) { viewer { chargeOrders(first: $n) { edges { cursor } } } }": "(GRAPHQL_MAX_COST)",
		"{ viewer { id" + strings.Repeat(" id", 1000) + " } }":                                                          "A document has at most 1000 tokens.",
	}
	file := map[string]string{sha(trustedQuery): trustedQuery, sha(trustedMutation): trustedMutation, sha(trustedSubscription): trustedSubscription}
	for text := range bad {
		file[sha(text)] = text
	}
	content, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = newGuard(t).ReadTrustedDocuments(trustedFile(t, string(content)), true)
	if err == nil || strings.Count(err.Error(), "\n") != len(bad)-1 {
		t.Fatalf("want a line for each of %d: %v", len(bad), err)
	}
	for text, reason := range bad {
		hash, found := sha(text), false
		for line := range strings.Lines(err.Error()) {
			found = found || strings.Contains(line, hash) && strings.Contains(line, reason)
		}
		if !found {
			t.Errorf("%.60s, %s, is not refused with %s:\n%v", text, hash, reason, err)
		}
	}
}

// The files of newer versions of graphql-codegen have keys such as sha256:<hex>.
func TestTrustedDocumentsAreNamedWithAndWithoutAPrefix(t *testing.T) {
	t.Parallel()
	for _, key := range []string{sha(trustedQuery), "sha256:" + sha(trustedQuery)} {
		text, err := json.Marshal(map[string]string{key: trustedQuery})
		if err != nil {
			t.Fatal(err)
		}
		trusted, err := newGuard(t).ReadTrustedDocuments(trustedFile(t, string(text)), false)
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(t, func(g *gqlguard.Guard) { g.Trusted = trusted })
		s.wantAnswer(trustedQuery)
		s.wantRefusal("{ viewer { balance } }", "The document sha256:")
		for _, hash := range []string{sha(trustedQuery), "sha256:" + sha(trustedQuery)} {
			if got := s.askFor(hash); len(got) > 0 {
				t.Errorf("%s, in a file with %s: %q", hash, key, got)
			}
		}
	}
}

// Without trusted documents the clients of Apollo and urql send the text after this refusal.
func TestAHashWithoutATextIsAnsweredAsTheClientsExpect(t *testing.T) {
	t.Parallel()
	if got := newServer(t, nil).askFor(sha(trustedQuery)); len(got) != 1 || got[0] != "PersistedQueryNotSupported" {
		t.Errorf("answered with %q", got)
	}
}

// askFor names a document by its hash, as Apollo's clients do.
func (s server) askFor(hash string) []string {
	s.Helper()
	return s.send(map[string]any{"extensions": map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": hash}}})
}
