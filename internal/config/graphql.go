package config

import (
	"reflect"
	"time"
)

// GraphQL is how much the API lets one request cost, and how it answers.
type GraphQL struct {
	MaxBody           int           `env:"GRAPHQL_MAX_BODY" sandbox:"65536" live:"65536" help:"bytes of a request, at most" ko:"요청 하나의 최대 바이트"`
	MaxTokens         int           `env:"GRAPHQL_MAX_TOKENS" sandbox:"1000" live:"1000" help:"tokens of a document, at most" ko:"문서 하나의 최대 토큰 수"`
	MaxName           int           `env:"GRAPHQL_MAX_NAME" sandbox:"64" live:"64" help:"bytes of a name in a document, at most" ko:"문서에 쓰인 이름의 최대 바이트"`
	MaxDepth          int           `env:"GRAPHQL_MAX_DEPTH" sandbox:"12" live:"12" help:"fields inside each other, at most" ko:"필드를 중첩할 수 있는 최대 깊이"`
	MaxAliases        int           `env:"GRAPHQL_MAX_ALIASES" sandbox:"30" live:"30" help:"aliases of a document, at most" ko:"문서 하나의 최대 별칭 수"`
	MaxDirectives     int           `env:"GRAPHQL_MAX_DIRECTIVES" sandbox:"20" live:"20" help:"directives of a document, at most" ko:"문서 하나의 최대 지시어 수"`
	MaxRootFields     int           `env:"GRAPHQL_MAX_ROOT_FIELDS" sandbox:"20" live:"20" help:"fields at the root of a query, at most" ko:"쿼리 최상위의 최대 필드 수"`
	MaxMutationFields int           `env:"GRAPHQL_MAX_MUTATION_FIELDS" sandbox:"5" live:"5" help:"fields at the root of a mutation, at most" ko:"뮤테이션 최상위의 최대 필드 수"`
	MaxFields         int           `env:"GRAPHQL_MAX_FIELDS" sandbox:"1000" live:"1000" help:"fields and values of a document with its fragments put in, at most" ko:"프래그먼트를 펼친 문서의 최대 필드와 값 수"`
	MaxCost           int           `env:"GRAPHQL_MAX_COST" sandbox:"10000" live:"10000" help:"fields of an answer, at most, its lists counted as long as they may become, what has to be read as five or more" ko:"응답의 최대 필드 수. 목록은 가장 길 때의 길이로, 따로 읽어야 하는 것은 다섯 이상으로 셉니다"`
	MaxEventCost      int           `env:"GRAPHQL_MAX_EVENT_COST" sandbox:"150" live:"150" help:"the same for each event of a subscription" ko:"구독의 이벤트 하나에 대한 같은 제한"`
	MaxIntrospection  int           `env:"GRAPHQL_MAX_INTROSPECTION" sandbox:"12000" live:"12000" help:"the same for what is asked of the schema itself" ko:"스키마 조회에 대한 같은 제한"`
	MaxErrors         int           `env:"GRAPHQL_MAX_ERRORS" sandbox:"10" live:"10" help:"errors of an answer, at most; more are left out" ko:"응답 하나의 최대 오류 수. 나머지는 생략합니다"`
	Timeout           time.Duration `env:"GRAPHQL_TIMEOUT" sandbox:"30s" live:"30s" help:"time that an operation, or an event of a subscription, may take, 1s to 30s" ko:"작업 하나 또는 구독의 이벤트 하나에 허용하는 시간, 1s부터 30s"`
	// HTTPDraft is off until the audit suite asks for it.
	HTTPDraft bool `env:"GRAPHQL_HTTP_DRAFT" sandbox:"false" live:"false" help:"answer with 422 and 294 as the first edition of GraphQL over HTTP says" ko:"GraphQL over HTTP 초판대로 422와 294로 응답합니다"`

	// TrustedDocuments is a file; empty means that every document may be asked.
	TrustedDocuments     string      `env:"TRUSTED_DOCUMENTS" sandbox:"<none>" live:"<none>" help:"JSON file of the only documents that may be asked: their SHA-256, and their text" ko:"허용할 문서만 담은 JSON 파일: SHA-256과 본문"`
	TrustedDocumentsMode TrustedMode `env:"TRUSTED_DOCUMENTS_MODE" sandbox:"<enforce>" live:"<enforce>" help:"enforce (refuse what is not in the file) or report (log it)" ko:"enforce(파일에 없으면 거절) 또는 report(로그만 남김)"`
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

// maxLimit is more than any limit is good for.
const maxLimit = 1_000_000

// check wants every limit to be one: 0 would refuse everything, and none would be an invitation.
func (g GraphQL) check(errs *Errors) {
	value := reflect.ValueOf(g)
	for i := range value.NumField() {
		limit, ok := value.Field(i).Interface().(int)
		if ok && (limit < 1 || limit > maxLimit) {
			errs.add(value.Type().Field(i).Tag.Get("env"), "is wrong: it must be from 1 to %d", maxLimit)
		}
	}
	if g.Timeout < time.Second || g.Timeout > 30*time.Second {
		errs.add("GRAPHQL_TIMEOUT", "is wrong: it must be from 1s to 30s")
	}
	if g.TrustedDocumentsMode != "" && g.TrustedDocuments == "" {
		errs.add("TRUSTED_DOCUMENTS_MODE", "needs TRUSTED_DOCUMENTS: without that file every document is answered")
	}
}
