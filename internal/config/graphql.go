package config

import "time"

// GraphQL is how much the API lets one request cost, and how it answers.
type GraphQL struct {
	MaxBody int           `env:"GRAPHQL_MAX_BODY" sandbox:"65536" live:"65536" help:"bytes of a request, at most"`
	MaxCost int           `env:"GRAPHQL_MAX_COST" sandbox:"10000" live:"10000" help:"fields of an answer, at most, its lists counted as long as they may become, what has to be read as five or more"`
	Timeout time.Duration `env:"GRAPHQL_TIMEOUT" sandbox:"30s" live:"30s" help:"time that an operation, or an event of a subscription, may take, 1s to 30s"`
	// HTTPDraft is off until the audit suite asks for it.
	HTTPDraft bool `env:"GRAPHQL_HTTP_DRAFT" sandbox:"false" live:"false" help:"answer with 422 and 294 as the first edition of GraphQL over HTTP says"`

	// TrustedDocuments is a file; empty means that every document may be asked.
	TrustedDocuments     string      `env:"TRUSTED_DOCUMENTS" sandbox:"<none>" live:"<none>" help:"JSON file of the only documents that may be asked: their SHA-256, and their text"`
	TrustedDocumentsMode TrustedMode `env:"TRUSTED_DOCUMENTS_MODE" sandbox:"<enforce>" live:"<enforce>" help:"enforce (refuse what is not in the file) or report (log it)"`
}

// TrustedMode says what becomes of a document that is not among the trusted ones.
type TrustedMode string

// The modes of trusted documents.
const (
	Enforce TrustedMode = "enforce" // it is refused
	Report  TrustedMode = "report"  // it is answered, and logged once
)

// UnmarshalText accepts the two modes.
func (m *TrustedMode) UnmarshalText(text []byte) error {
	*m = TrustedMode(text)
	return oneOf(text, Enforce, Report)
}

// maxLimit is more than any limit is useful for.
const maxLimit = 1_000_000

// check requires every limit to be positive: 0 would refuse every request.
func (g GraphQL) check(errs *Errors) {
	checkLimit(errs, "GRAPHQL_MAX_BODY", g.MaxBody)
	checkLimit(errs, "GRAPHQL_MAX_COST", g.MaxCost)
	if g.Timeout < time.Second || g.Timeout > 30*time.Second {
		errs.add("GRAPHQL_TIMEOUT", "is wrong: it must be from 1s to 30s")
	}
	if g.TrustedDocumentsMode != "" && g.TrustedDocuments == "" {
		errs.add("TRUSTED_DOCUMENTS_MODE", "needs TRUSTED_DOCUMENTS: without that file every document is answered")
	}
}

func checkLimit(errs *Errors, name string, limit int) {
	if limit < 1 || limit > maxLimit {
		errs.add(name, "is wrong: it must be from 1 to %d", maxLimit)
	}
}
