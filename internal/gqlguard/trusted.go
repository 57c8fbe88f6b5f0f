package gqlguard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"pointcharge/internal/ratelimit"
)

// TrustedDocuments are the documents of our own front ends. While they are enforced no other
// document is answered.
type TrustedDocuments struct {
	texts      map[string]string // by their SHA-256 in hex
	reportOnly bool

	mu       sync.Mutex
	reported map[string]bool // hashes of other documents that are in the log already
}

// maxReported bounds the memory and the log that invented documents can use.
const maxReported = 1000

// hashPrefix stands before a hash in a documentId, and in the files and requests of newer tools.
const hashPrefix = "sha256:"

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ReadTrustedDocuments reads a file as graphql-codegen's client preset writes it
// (persisted-documents.json, with hashAlgorithm sha256): a JSON object of each document's SHA-256
// in hex, with or without sha256: before it, and its text. The error has a line for each document
// that is wrong or would be refused, by the schema or by a limit, as far as the defaults of its
// variables tell. With reportOnly, documents that are not in the file are answered and logged.
func (g Guard) ReadTrustedDocuments(file string, reportOnly bool) (*TrustedDocuments, error) {
	content, err := os.ReadFile(file) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	var texts map[string]string
	if err := json.Unmarshal(content, &texts); err != nil {
		return nil, fmt.Errorf("%s is not a JSON object of hashes and texts: %w", file, err)
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s has no document in it", file)
	}
	limits := limiter{Limits: g.Limits.WithDefaults(), validated: graphql.NoCache[*ast.QueryDocument]{}, costs: g.Costs, listSizes: newListSizes(g.Schema)}
	var wrong []error
	byHash := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		hash := strings.TrimPrefix(key, hashPrefix)
		byHash[hash] = texts[key]
		if err := g.checkTrusted(hash, texts[key], limits); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %.100q %w", file, key, err))
		}
	}
	return &TrustedDocuments{texts: byHash, reportOnly: reportOnly, reported: map[string]bool{}}, errors.Join(wrong...)
}

func (g Guard) checkTrusted(hash, text string, limits limiter) error {
	if !sha256Hex.MatchString(hash) {
		return errors.New("is no SHA-256 in lower-case hex; graphql-codegen needs hashAlgorithm: 'sha256'")
	}
	if actual := hashDocument(text); actual != hash {
		return fmt.Errorf("is not the hash of its text, which is %s", actual)
	}
	if reason := g.checkDocument(text, limits); reason != nil {
		return fmt.Errorf("cannot be answered: %s", reason.Message)
	}
	return nil
}

// checkDocument returns the reason why a document would be refused whatever its variables are, or
// nil.
func (g Guard) checkDocument(text string, limits limiter) *gqlerror.Error {
	ctx := context.Background()
	if err := limits.MutateOperationParameters(ctx, &graphql.RawParams{Query: text}); err != nil {
		return err
	}
	document, errs := gqlparser.LoadQueryWithRules(g.Schema, text, strictRules())
	if errs != nil {
		return errs[0]
	}
	for _, operation := range document.Operations {
		defaults := map[string]any{}
		for _, variable := range operation.VariableDefinitions {
			if variable.DefaultValue != nil {
				defaults[variable.Variable], _ = variable.DefaultValue.Value(nil) // a constant
			}
		}
		if err := limits.MutateOperationContext(ctx, &graphql.OperationContext{Operation: operation, Variables: defaults}); err != nil {
			return err
		}
	}
	return nil
}

func hashDocument(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// DocumentHash returns the SHA-256 by which a request names its document in its extensions, as
// Apollo's clients do, or an empty string.
func DocumentHash(extensions map[string]any) string {
	persisted, _ := extensions["persistedQuery"].(map[string]any)
	hash, _ := persisted["sha256Hash"].(string)
	return strings.TrimPrefix(hash, hashPrefix)
}

// WithDocument names a document in a request's extensions by its documentId (GraphQL over HTTP,
// appendix on persisted documents).
func WithDocument(extensions map[string]any, id string) map[string]any {
	if extensions == nil {
		extensions = map[string]any{}
	}
	extensions["persistedQuery"] = map[string]any{"sha256Hash": id}
	return extensions
}

// trustedOnly puts in the text of the document that a request names, and refuses or reports a
// document that is not trusted.
type trustedOnly struct {
	documents *TrustedDocuments // nil without a file
	log       *slog.Logger
}

func (trustedOnly) ExtensionName() string { return "TrustedOnly" }

func (trustedOnly) Validate(graphql.ExecutableSchema) error { return nil }

func (t trustedOnly) MutateOperationParameters(ctx context.Context, raw *graphql.RawParams) *gqlerror.Error {
	hash, sent := DocumentHash(raw.Extensions), raw.Query != ""
	if t.documents == nil && hash == "" {
		return nil
	}
	if hash != "" && !sha256Hex.MatchString(hash) {
		return gqlerror.Errorf("The document's hash is no SHA-256 in lower-case hex.")
	}
	if sent {
		actual := hashDocument(raw.Query)
		if hash != "" && hash != actual {
			return gqlerror.Errorf("The hash sha256:%s is not the document's, which is sha256:%s.", hash, actual)
		}
		hash = actual
	}
	text, ok := t.documents.text(hash)
	switch {
	case ok:
		raw.Query = text
	case !sent && canSendText(raw.Extensions) && (t.documents == nil || t.documents.reportOnly):
		return gqlerror.Errorf("%s", sendDocument)
	case !sent:
		return gqlerror.Errorf("There is no trusted document sha256:%s.", hash)
	case t.documents != nil && !t.documents.reportOnly:
		return gqlerror.Errorf("The document sha256:%s is not a trusted one.", hash)
	case t.documents != nil:
		t.documents.reportUntrusted(ctx, t.log, hash, raw.OperationName)
	}
	return nil
}

// canSendText tells whether a request without a text speaks the protocol of Apollo's automatic
// persisted queries, whose clients send the text when they are asked to.
func canSendText(extensions map[string]any) bool {
	persisted, _ := extensions["persistedQuery"].(map[string]any)
	return persisted["version"] != nil
}

// sendDocument is the text by which the clients of Apollo and urql learn to send the document's
// text from now on.
const sendDocument = "PersistedQueryNotSupported"

func (d *TrustedDocuments) text(hash string) (string, bool) {
	if d == nil {
		return "", false
	}
	text, ok := d.texts[hash]
	return text, ok
}

// reportUntrusted logs each document once.
func (d *TrustedDocuments) reportUntrusted(ctx context.Context, log *slog.Logger, hash, operation string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reported[hash] || len(d.reported) == maxReported {
		return
	}
	d.reported[hash] = true
	log.WarnContext(ctx, "a document is not trusted", "sha256", hash, "operation", ratelimit.Clean(operation))
	if len(d.reported) == maxReported {
		log.WarnContext(ctx, "untrusted documents are no longer reported", "limit", maxReported)
	}
}
