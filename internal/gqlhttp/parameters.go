package gqlhttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"pointcharge/internal/gqlguard"
)

// parameters are a request's, by their exact names. A struct would also take "Query" for query.
type parameters map[string]json.RawMessage

// readBody reads the parameters from a JSON body.
func (o Options) readBody(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, error) {
	media, options, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := options["charset"]; err != nil || media != plainJSON || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, newRefusal(http.StatusUnsupportedMediaType, "A body must be application/json in UTF-8.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(o.Limits.Body)))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, Refusal{http.StatusRequestEntityTooLarge, o.Limits.BodyError()}
	}
	var given parameters
	if err != nil || json.Unmarshal(body, &given) != nil || given == nil {
		return nil, newRefusal(http.StatusBadRequest, "The body is not a JSON object.")
	}
	return given.decodeRaw()
}

// maxQuery is in bytes: the length accepted by every program on the way (RFC 9110 §4.1). net/http
// accepts longer headers, so a longer query reaches this check.
const maxQuery = 8 << 10

// readQuery reads the parameters from the address.
func (o Options) readQuery(_ http.ResponseWriter, r *http.Request) (*graphql.RawParams, error) {
	if limit := min(maxQuery, o.Limits.Body); len(r.URL.RawQuery) > limit {
		return nil, newRefusal(http.StatusRequestURITooLong, fmt.Sprintf("Behind its ? an address has at most %d bytes. Send more by POST.", limit))
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, newRefusal(http.StatusBadRequest, "The address is not well-formed.")
	}
	given := parameters{}
	for _, name := range []string{"query", "operationName", "documentId"} {
		if values.Get(name) != "" {
			given[name], _ = json.Marshal(values.Get(name)) // every string can be encoded
		}
	}
	for _, name := range []string{"variables", "extensions"} {
		if values.Get(name) != "" {
			given[name] = json.RawMessage(values.Get(name))
		}
	}
	return given.decodeRaw()
}

// decodeRaw returns the parameters as gqlgen takes them. A request may name a trusted document
// instead of sending one.
func (p parameters) decodeRaw() (*graphql.RawParams, error) {
	raw, documentID := &graphql.RawParams{}, ""
	for name, target := range map[string]any{"query": &raw.Query, "operationName": &raw.OperationName, "documentId": &documentID,
		"variables": &raw.Variables, "extensions": &raw.Extensions} {
		if decodeJSON(p[name], target) != nil {
			return nil, newRefusal(statusMalformed, "The parameter "+name+" is not of its type.")
		}
	}
	if documentID != "" {
		raw.Extensions = gqlguard.WithDocument(raw.Extensions, documentID)
	}
	if raw.Query == "" && gqlguard.DocumentHash(raw.Extensions) == "" {
		return nil, newRefusal(statusMalformed, "The parameter query is missing.")
	}
	return raw, nil
}

// decodeJSON decodes exactly one value and keeps numbers as they are written.
func decodeJSON(text json.RawMessage, target any) error {
	if text == nil {
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) { // possible in an address only
		return errors.New("more than one value")
	}
	return nil
}
