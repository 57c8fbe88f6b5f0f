package iamport

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

// The bounds of an answer. A page of a thousand payments is 1.1 MB from the sandbox.
const (
	maxBody     = 4 << 20 // kept of an answer
	maxListBody = 10 * maxBody
	maxWire     = 64 << 20 // on the wire, long texts included
)

// maxText is the longest text kept from an answer. Longer texts become empty: no used field is as
// long, and custom_data, filled by the payer's browser, may be megabytes.
const maxText = 16 << 10

// errTooLarge is an answer beyond the bounds. A page of a list may fit in two halves.
var errTooLarge = newUntrustworthy("larger than any answer of Iamport")

// readBody reads the body to its end, to free the connection for the next call, and keeps at most
// limit bytes.
func readBody(res *http.Response, limit int) ([]byte, error) {
	if res.ContentLength > maxWire {
		return nil, errTooLarge
	}
	var body textLimiter
	if 0 < res.ContentLength && res.ContentLength <= int64(limit) {
		body.kept.Grow(int(res.ContentLength))
	}
	chunk := make([]byte, 32<<10)
	for received := 0; ; {
		n, err := res.Body.Read(chunk)
		body.writeChunk(chunk[:n])
		if received += n; received > maxWire || body.kept.Len() > limit {
			return nil, errTooLarge
		}
		if errors.Is(err, io.EOF) {
			return body.kept.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// textLimiter keeps a JSON document with long texts emptied, so that the document need not fit into
// memory. Invalid JSON stays invalid.
type textLimiter struct {
	kept    bytes.Buffer
	inText  bool
	escaped bool // the last byte of the text was an escaping backslash
	begin   int  // where the text begins in kept
	dropped bool // the text was too long
}

func (l *textLimiter) writeChunk(chunk []byte) {
	for len(chunk) > 0 {
		if !l.inText {
			chunk = l.writeUntilText(chunk)
			continue
		}
		chunk = l.writeText(chunk)
	}
}

// writeUntilText keeps the chunk up to the next quotation mark, and returns the rest.
func (l *textLimiter) writeUntilText(chunk []byte) []byte {
	quote := bytes.IndexByte(chunk, '"')
	if quote < 0 {
		l.kept.Write(chunk)
		return nil
	}
	l.kept.Write(chunk[:quote+1])
	l.inText, l.escaped, l.dropped, l.begin = true, false, false, l.kept.Len()
	return chunk[quote+1:]
}

// writeText keeps a text of allowed length up to its end, and returns the rest.
func (l *textLimiter) writeText(chunk []byte) []byte {
	end := 0
	for ; end < len(chunk); end++ {
		if l.escaped {
			l.escaped = false
		} else if chunk[end] == '\\' {
			l.escaped = true
		} else if chunk[end] == '"' {
			break
		}
	}
	if !l.dropped {
		l.kept.Write(chunk[:end])
		if l.kept.Len()-l.begin > maxText {
			l.kept.Truncate(l.begin)
			l.dropped = true
		}
	}
	if end == len(chunk) {
		return nil
	}
	l.kept.WriteByte('"')
	l.inText = false
	return chunk[end+1:]
}
