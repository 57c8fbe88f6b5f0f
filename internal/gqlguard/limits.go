package gqlguard

import (
	"reflect"
	"strconv"
	"time"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Limits bound what one request may cost. A field that is 0 means its default.
//
// The tags are the only description of a limit: its default, the setting that changes it (a limit
// without one is a constant), and what it bounds. go generate writes the table in docs/GRAPHQL.md
// from them. That document also says which requests just fit, and what they cost.
//
//go:generate go test . -run TestTheDocumentListsTheLimits -update
type Limits struct {
	Body           int           `default:"65536" setting:"GRAPHQL_MAX_BODY" bounds:"bytes of a request's body"`
	Tokens         int           `default:"1000" bounds:"tokens of a document, comments too"`
	Name           int           `default:"64" bounds:"bytes of a name; an alias is repeated with each object of a list"`
	Depth          int           `default:"12" bounds:"fields inside each other; ofType does not count"`
	Aliases        int           `default:"30" bounds:"aliases, fragments put in"`
	Directives     int           `default:"20" bounds:"directives, fragments put in"`
	RootFields     int           `default:"20" bounds:"fields at the root of a query"`
	MutationFields int           `default:"5" bounds:"fields at the root of a mutation: each is a transaction of its own"`
	Fields         int           `default:"1000" bounds:"fields, values, spreads and inline fragments with the fragments put in, and each fragment once more"`
	Cost           int           `default:"10000" setting:"GRAPHQL_MAX_COST" bounds:"fields of an answer, each list at its longest; an object that has to be read counts as several"`
	Lookups        int           `default:"200" bounds:"look-ups of an answer: of lists, of fields that are read for all objects of a page at once, and of each checkout; a list without first counts as it turns out in a query, at its longest in a mutation"`
	EventCost      int           `default:"150" bounds:"the same of each event of a subscription, which is asked for once and answered for years"`
	Introspection  int           `default:"12000" bounds:"the same of what is asked of the schema itself"`
	Errors         int           `default:"10" bounds:"errors in an answer, of 300 characters each; more are left out"`
	Time           time.Duration `default:"30s" setting:"GRAPHQL_TIMEOUT" bounds:"time of an operation, or of an event, which cuts the stream; shorter than a shutdown waits"`
}

// WithDefaults replaces every 0 by its default.
func (l Limits) WithDefaults() Limits {
	fields := reflect.ValueOf(&l).Elem()
	for i := range fields.NumField() {
		if fields.Field(i).IsZero() {
			fields.Field(i).SetInt(parseDefault(fields.Type().Field(i)))
		}
	}
	return l
}

// parseDefault panics on a tag that is not a number or a duration.
func parseDefault(field reflect.StructField) int64 {
	text := field.Tag.Get("default")
	if field.Type == reflect.TypeFor[time.Duration]() {
		limit, err := time.ParseDuration(text)
		if err != nil {
			panic(err)
		}
		return int64(limit)
	}
	limit, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return limit
}

// BodyError refuses a request whose body is too long.
func (l Limits) BodyError() error {
	return gqlerror.Errorf("A body has at most %d bytes (GRAPHQL_MAX_BODY).", l.Body)
}

// TimeoutError refuses an operation that did not end in time. A transaction that was cut while it
// was committed may have been committed.
func (l Limits) TimeoutError() error {
	return gqlerror.Errorf("An operation has at most %s (GRAPHQL_TIMEOUT). A change may have been made all the same.", l.Time)
}

func (l Limits) lookupsError() *gqlerror.Error {
	return limitError("An answer", l.Lookups, "look-ups")
}

// limitError names the limit that was exceeded, and what it bounds.
func limitError(subject string, limit int, bounded string) *gqlerror.Error {
	return gqlerror.Errorf("%s has at most %d %s.", subject, limit, bounded)
}
