package iamport

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// ReadBody reads an answer at once and byte by byte, which must give the same.
func ReadBody(t *testing.T, text string) string {
	t.Helper()
	whole, err := readBody(&http.Response{Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text))}, maxBody)
	if err != nil {
		t.Fatal(err)
	}
	single, err := readBody(&http.Response{Body: io.NopCloser(iotest.OneByteReader(strings.NewReader(text))), ContentLength: -1}, maxBody)
	if err != nil || string(single) != string(whole) {
		t.Errorf("byte by byte: %.100q, %v", single, err)
	}
	return string(whole)
}

// ReadError is why an answer could not be read.
func ReadError(res *http.Response) error {
	_, err := readBody(res, maxBody)
	return err
}
