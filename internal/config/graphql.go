package config

import "time"

// GraphQL limits the cost of one API request, and selects the form of the answers.
type GraphQL struct {
	MaxBody int           `env:"GRAPHQL_MAX_BODY" sandbox:"65536" live:"65536" help:"bytes of a request, at most" ko:"요청 하나의 최대 바이트"`
	MaxCost int           `env:"GRAPHQL_MAX_COST" sandbox:"10000" live:"10000" help:"fields of an answer, at most, its lists counted as long as they may become; an object that has to be read counts as several" ko:"응답의 최대 필드 수. 목록은 가장 길 때의 길이로, 따로 읽어야 하는 객체는 여럿으로 셉니다"`
	Timeout time.Duration `env:"GRAPHQL_TIMEOUT" sandbox:"30s" live:"30s" help:"time that an operation, or an event of a subscription, may take, 1s to 30s" ko:"작업 하나 또는 구독의 이벤트 하나에 허용하는 시간, 1s부터 30s"`
	// HTTPDraft is off unless the audit suite needs the draft's status codes.
	HTTPDraft bool `env:"GRAPHQL_HTTP_DRAFT" sandbox:"false" live:"false" help:"answer with 422 and 294 as the first edition of GraphQL over HTTP says" ko:"GraphQL over HTTP 초판대로 422와 294로 응답합니다"`

	// TrustedDocuments is a file name; empty allows every document.
	TrustedDocuments     string      `env:"TRUSTED_DOCUMENTS" sandbox:"<none>" live:"<none>" help:"JSON file of the only documents that may be asked: their SHA-256, and their text" ko:"허용할 문서만 담은 JSON 파일: SHA-256과 본문"`
	TrustedDocumentsMode TrustedMode `env:"TRUSTED_DOCUMENTS_MODE" sandbox:"<enforce>" live:"<enforce>" help:"enforce (refuse what is not in the file) or report (log it)" ko:"enforce(파일에 없으면 거절) 또는 report(로그만 남김)"`
}

// TrustedMode selects the treatment of a document outside the trusted set.
type TrustedMode string

// The modes of trusted documents.
const (
	Enforce TrustedMode = "enforce" // refuse the document
	Report  TrustedMode = "report"  // answer the document, and log the document once
)

// UnmarshalText accepts the two modes.
func (m *TrustedMode) UnmarshalText(text []byte) error {
	*m = TrustedMode(text)
	return oneOf(text, Enforce, Report)
}

// maxLimit is more than any limit is useful for.
const maxLimit = 1_000_000

// checkLimits requires every limit to be positive: 0 would refuse every request.
func (g GraphQL) checkLimits(errs *Errors) {
	checkLimit(errs, "GRAPHQL_MAX_BODY", g.MaxBody)
	checkLimit(errs, "GRAPHQL_MAX_COST", g.MaxCost)
	if g.Timeout < time.Second || g.Timeout > 30*time.Second {
		errs.addMistake("GRAPHQL_TIMEOUT", "is wrong: it must be from 1s to 30s")
	}
	if g.TrustedDocumentsMode != "" && g.TrustedDocuments == "" {
		errs.addMistake("TRUSTED_DOCUMENTS_MODE", "needs TRUSTED_DOCUMENTS: without that file every document is answered")
	}
}

func checkLimit(errs *Errors, name string, limit int) {
	if limit < 1 || limit > maxLimit {
		errs.addMistake(name, "is wrong: it must be from 1 to %d", maxLimit)
	}
}
