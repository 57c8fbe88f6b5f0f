package graph_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pointcharge/graph"
	"pointcharge/internal/gqlguard"
	"pointcharge/internal/point"
)

const trustedQuery = "query Mine { viewer { id } }"

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

// trusting is a server that was given trustedQuery, and a mutation.
func trusting(reportOnly bool) setting {
	return func(w *world, r *graph.Resolver) {
		content, err := json.Marshal(map[string]string{sha(trustedQuery): trustedQuery, sha(charge): charge})
		w.must(err)
		r.Trusted, err = graph.ReadTrustedDocuments(trustedFile(w.T, string(content)), r.Limits, reportOnly)
		w.must(err)
	}
}

func TestATrustedDocumentIsAnsweredHoweverItIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, trusting(false))
	hash := sha(trustedQuery)
	for name, body := range map[string]string{
		"its text":          fmt.Sprintf(`{"query":%q}`, trustedQuery),
		"Apollo's way":      fmt.Sprintf(`{"extensions":{"persistedQuery":{"version":1,"sha256Hash":%q}}}`, hash),
		"Apollo, with text": fmt.Sprintf(`{"query":%q,"extensions":{"persistedQuery":{"version":1,"sha256Hash":%q}}}`, trustedQuery, hash),
		"documentId":        fmt.Sprintf(`{"documentId":"sha256:%s","operationName":"Mine"}`, hash),
	} {
		if r := w.post(w.token("minji"), body); r.at("viewer", "id") != "minji" {
			t.Errorf("%s: %s", name, r.text)
		}
	}
	for _, query := range []string{"?documentId=sha256:" + hash, `?extensions={"persistedQuery":{"sha256Hash":"` + hash + `"}}`} {
		if status, _, text := w.exchange("GET", query, "", ""); status != 200 || !strings.Contains(text, "minji") {
			t.Errorf("%s: %d %s", query, status, text)
		}
	}
	if status, _, text := w.exchange("GET", "?documentId=sha256:"+sha(charge)+`&variables={"id":"x"}`, "", ""); status != 405 {
		t.Errorf("a trusted mutation by GET: %d %s", status, text)
	}
}

func TestADocumentThatIsNotTrustedIsRefusedByItsHash(t *testing.T) {
	t.Parallel()
	w := newWorld(t, trusting(false))
	const other = "{ viewer { id } }"
	for name, body := range map[string]string{
		sha(other):           fmt.Sprintf(`{"query":%q}`, other),
		sha("?"):             fmt.Sprintf(`{"documentId":"sha256:%s"}`, sha("?")),
		"is not the documen": fmt.Sprintf(`{"query":%q,"documentId":"sha256:%s"}`, other, sha(trustedQuery)),
		"is no SHA-256":      `{"documentId":"md5:0123"}`,
		"no SHA-256":         `{"documentId":"sha256:x"}`,
		sha("{ __schema }"):  `{"query":"{ __schema }"}`,
	} {
		r := w.post(w.token("minji"), body)
		w.wantCode(r, point.InvalidArgument)
		if !strings.Contains(r.text, name) || r.Data != nil {
			t.Errorf("%s names no %s: %s", body, name, r.text)
		}
	}
}

func TestWithoutTrustedDocumentsAHashIsNoDocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.post(w.token("minji"), fmt.Sprintf(`{"documentId":"sha256:%s"}`, sha(trustedQuery)))
	w.wantCode(r, point.InvalidArgument)
	if !strings.Contains(r.text, sha(trustedQuery)) {
		t.Errorf("it does not say which: %s", r.text)
	}
	w.want(w.ask("minji", trustedQuery), "minji", "viewer", "id")
}

func TestInReportModeADocumentIsAnsweredAndLoggedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, trusting(true))
	const other = "query Other { viewer { id } }"
	for range 3 {
		w.want(w.post(w.token("minji"), fmt.Sprintf(`{"query":%q,"operationName":"Other"}`, other)), "minji", "viewer", "id")
		w.want(w.ask("minji", trustedQuery), "minji", "viewer", "id")
	}
	text := w.log.text.String()
	if strings.Count(text, "\n") != 1 || !strings.Contains(text, sha(other)) || !strings.Contains(text, `"operation":"Other"`) {
		t.Errorf("the log says: %s", text)
	}
}

func TestReportsOfInventedDocumentsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, trusting(true))
	for i := range 1010 {
		w.wantCode(w.askAs("", fmt.Sprintf("{ __typename } # %d", i)), "")
	}
	if lines := strings.Count(w.log.text.String(), "\n"); lines != 1001 {
		t.Errorf("%d lines in the log, want 1000 and the last one", lines)
	}
}

func TestAFileOfTrustedDocumentsThatIsWrongIsRefused(t *testing.T) {
	t.Parallel()
	for want, content := range map[string]string{
		"is not a JSON object":     `[]`,
		"is not a JSON object of":  `{"a": 1}`,
		"has no document":          `{}`,
		"is no SHA-256":            `{"0123": "{ viewer { id } }"}`,
		"hashAlgorithm":            `{"` + strings.Repeat("a", 40) + `": "{ viewer { id } }"}`,
		"which is " + sha("{ a }"): `{"` + sha("{ b }") + `": "{ a }"}`,
		"cannot be answered":       `{"` + sha("{") + `": "{"}`,
	} {
		_, err := graph.ReadTrustedDocuments(trustedFile(t, content), gqlguard.Limits{}, false)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
	if _, err := graph.ReadTrustedDocuments(filepath.Join(t.TempDir(), "none.json"), gqlguard.Limits{}, false); err == nil {
		t.Error("a file that is not there is no mistake")
	}
}

// TestEveryTrustedDocumentThatWouldBeRefusedIsNamed: a front end of another version is found when
// the server starts, all of it, and not when its users come.
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
	file := map[string]string{sha(trustedQuery): trustedQuery, sha(charge): charge, sha(followed): followed}
	for text := range bad {
		file[sha(text)] = text
	}
	content, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = graph.ReadTrustedDocuments(trustedFile(t, string(content)), gqlguard.Limits{}, true)
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
