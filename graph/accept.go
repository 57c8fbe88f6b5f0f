package graph

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

// preference is how much a client wants a media type, by the range of its Accept header that names it best.
type preference struct {
	specific int // 3 names it, 2 application/*, 1 */*, 0 nothing does
	q        int // thousandths
	position int // in the header
}

// negotiate is the media type of the answer, and whether the client accepts any of ours. Without a wish, or with
// one as good as the other, it is application/json: clients that know more say so.
func negotiate(accept []string) (media string, ok bool) {
	ranges := strings.Join(accept, ",")
	if strings.TrimSpace(ranges) == "" {
		return plainJSON, true
	}
	var plain, modern preference
	for i, text := range strings.Split(ranges, ",") {
		name, options, err := mime.ParseMediaType(text)
		if charset := options["charset"]; err != nil || charset != "" && !strings.EqualFold(charset, "utf-8") {
			continue
		}
		q := thousandths(options["q"])
		plain.consider(plainJSON, name, q, i)
		modern.consider(graphqlJSON, name, q, i)
	}
	if modern.beats(plain) {
		return graphqlJSON, true
	}
	return plainJSON, plain.q > 0
}

// consider takes the range into account if it is about media, and more specific than what was there.
func (p *preference) consider(media, name string, q, position int) {
	specific := map[string]int{media: 3, "application/*": 2, "*/*": 1}[name]
	if specific > p.specific {
		*p = preference{specific, q, position}
	}
}

// beats tells which of two is wanted more; of equals, the one that is named, and named first.
func (p preference) beats(other preference) bool {
	switch {
	case p.q != other.q:
		return p.q > other.q
	case p.q == 0 || p.specific != other.specific:
		return p.q > 0 && p.specific > other.specific
	}
	return p.position < other.position
}

// thousandths of a q-value; what is none means 1, as if it were not there.
func thousandths(q string) int {
	if !quality.MatchString(q) {
		return 1000
	}
	digits := strings.Replace(q, ".", "", 1)
	n, _ := strconv.Atoi((digits + "000")[:4])
	return n
}
