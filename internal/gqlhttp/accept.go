package gqlhttp

import (
	"mime"
	"regexp"
	"strconv"
	"strings"
)

const (
	plainJSON   = "application/json"
	graphqlJSON = "application/graphql-response+json"
)

// quality is a q-value (RFC 9110 §12.4.2).
var quality = regexp.MustCompile(`^(0(\.[0-9]{0,3})?|1(\.0{0,3})?)$`)

// preference is how much a client wants a media type, by the Accept header's most specific range.
type preference struct {
	specificity int // 3 for the type itself, 2 for application/*, 1 for */*, 0 for no range at all
	q           int // thousandths
	position    int // in the header
}

// negotiate returns the media type of the response, and whether the client accepts any supported
// type. Without a preference the type is application/json: clients that know the newer type name
// it.
func negotiate(accept []string) (media string, ok bool) {
	ranges := strings.Join(accept, ",")
	if strings.TrimSpace(ranges) == "" {
		return plainJSON, true
	}
	var plain, newer preference
	for i, text := range strings.Split(ranges, ",") {
		name, options, err := mime.ParseMediaType(text)
		if charset := options["charset"]; err != nil || charset != "" && !strings.EqualFold(charset, "utf-8") {
			continue
		}
		q := parseQuality(options["q"])
		plain.updateFrom(plainJSON, name, q, i)
		newer.updateFrom(graphqlJSON, name, q, i)
	}
	if newer.exceeds(plain) {
		return graphqlJSON, true
	}
	return plainJSON, plain.q > 0
}

// updateFrom takes a range into account if it covers media and is more specific than the ranges
// before.
func (p *preference) updateFrom(media, name string, q, position int) {
	specificity := map[string]int{media: 3, "application/*": 2, "*/*": 1}[name]
	if specificity > p.specificity {
		*p = preference{specificity, q, position}
	}
}

// exceeds compares two preferences. Of equal q-values the more specific range wins, then the first.
func (p preference) exceeds(other preference) bool {
	switch {
	case p.q != other.q:
		return p.q > other.q
	case p.q == 0 || p.specificity != other.specificity:
		return p.q > 0 && p.specificity > other.specificity
	}
	return p.position < other.position
}

// parseQuality returns a q-value in thousandths. A missing or malformed one counts as 1.
func parseQuality(q string) int {
	if !quality.MatchString(q) {
		return 1000
	}
	digits := strings.Replace(q, ".", "", 1)
	n, _ := strconv.Atoi((digits + "000")[:4])
	return n
}
