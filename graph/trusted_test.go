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
	"pointcharge/internal/apierror"
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

// withTrustedDocuments trusts trustedQuery and a mutation.
func withTrustedDocuments(reportOnly bool) setting {
	return func(w *world, r *graph.Resolver) {
		content, err := json.Marshal(map[string]string{sha(trustedQuery): trustedQuery, sha(chargeMutation): chargeMutation})
		w.must(err)
		r.Trusted, err = graph.ReadTrustedDocuments(trustedFile(w.T, string(content)), r.Limits, reportOnly)
		w.must(err)
	}
}

func TestATrustedDocumentIsAnsweredHoweverItIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTrustedDocuments(false))
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
		if status, _, text := w.sendWithAccept("GET", query, "", ""); status != 200 || !strings.Contains(text, "minji") {
			t.Errorf("%s: %d %s", query, status, text)
		}
	}
	if status, _, text := w.sendWithAccept("GET", "?documentId=sha256:"+sha(chargeMutation)+`&variables={"id":"x"}`, "", ""); status != 405 {
		t.Errorf("a trusted mutation by GET: %d %s", status, text)
	}
}

func TestADocumentThatIsNotTrustedIsRefusedByItsHash(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTrustedDocuments(false))
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
		w.wantCode(r, apierror.InvalidArgument)
		if !strings.Contains(r.text, name) || r.Data != nil {
			t.Errorf("%s names no %s: %s", body, name, r.text)
		}
	}
}

func TestWithoutTrustedDocumentsAHashIsNoDocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.post(w.token("minji"), fmt.Sprintf(`{"documentId":"sha256:%s"}`, sha(trustedQuery)))
	w.wantCode(r, apierror.InvalidArgument)
	if !strings.Contains(r.text, sha(trustedQuery)) {
		t.Errorf("it does not say which: %s", r.text)
	}
	w.want(w.ask("minji", trustedQuery), "minji", "viewer", "id")
}

func TestInReportModeADocumentIsAnsweredAndLoggedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTrustedDocuments(true))
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
	w := newWorld(t, withTrustedDocuments(true))
	for i := range 1010 {
		w.wantCode(w.askAs("", fmt.Sprintf("{ __typename } # %d", i)), "")
	}
	if lines := strings.Count(w.log.text.String(), "\n"); lines != 1001 {
		t.Errorf("%d lines in the log, want 1000 and the last one", lines)
	}
}
