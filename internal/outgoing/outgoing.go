// Package outgoing has the one rule for this server's outgoing HTTP calls.
package outgoing

import (
	"errors"
	"net/http"
)

const maxRedirects = 3

// NewClient returns a client over transport. The client follows a redirect only for a GET without
// credentials, and never from https to http, because the new host is not authenticated. Other
// redirects are returned as responses.
func NewClient(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, CheckRedirect: checkRedirect}
}

func checkRedirect(next *http.Request, before []*http.Request) error {
	first, last := before[0], before[len(before)-1]
	switch {
	case first.Method != http.MethodGet || first.Header.Get("Authorization") != "":
		return http.ErrUseLastResponse
	case last.URL.Scheme == "https" && next.URL.Scheme != "https":
		return errors.New("redirected from https to http")
	case len(before) > maxRedirects:
		return errors.New("too many redirects")
	}
	return nil
}
