package iamport_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"pointcharge/internal/iamport"
)

// TestS4LongTextsAreDroppedWhileAnAnswerIsRead, whatever is in them and however the bytes arrive.
func TestS4LongTextsAreDroppedWhileAnAnswerIsRead(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"short":                   `{"a":"b\"c\\","d":[1,"",{"e":"\\\""}]}`,
		"as long as may be":       `{"a":"` + strings.Repeat("x", 16<<10) + `"}`,
		"no JSON":                 `<html class="x">`,
		"a text without its end":  `{"a":"b\`,
		"a quotation mark in two": `{"a":"` + strings.Repeat(`\"`, 100) + `"}`,
	} {
		if got := iamport.ReadBody(t, text); got != text {
			t.Errorf("%s: %q became %q", name, text, got)
		}
	}
	for _, long := range []string{strings.Repeat("x", 5<<20), strings.Repeat(`\"`, 1<<20), strings.Repeat(`\\`, 1<<20), strings.Repeat("가", 1<<20)} {
		if got := iamport.ReadBody(t, `{"a":"`+long+`","b":"c","`+long+`":1}`); got != `{"a":"","b":"c","":1}` {
			t.Errorf("a long text became %.100q", got)
		}
	}
}

func TestS4AnAnswerWithoutAnEndIsTooLarge(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]io.Reader{
		"a text":   io.MultiReader(strings.NewReader(`"`), endless('x')),
		"brackets": endless('['),
	} {
		res := &http.Response{Body: io.NopCloser(body), ContentLength: -1}
		if err := iamport.ReadError(res); err == nil || !strings.Contains(err.Error(), "larger than any answer") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// endless is a reader of one byte, for ever.
type endless byte

func (e endless) Read(to []byte) (int, error) {
	for i := range to {
		to[i] = byte(e)
	}
	return len(to), nil
}
