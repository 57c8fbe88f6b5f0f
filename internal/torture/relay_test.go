//go:build unix

package torture_test

import (
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
)

// relay is the webhook address configured at Iamport. The relay passes each webhook to a random
// server. A webhook for a dead server is lost, because Iamport sends each webhook once (contract
// §0.4).
type relay struct {
	*httptest.Server

	targets   []*url.URL
	transport *http.Transport
	cut       atomic.Bool // no webhook gets through
	delivered atomic.Int64
	lost      atomic.Int64
}

func newRelay() *relay {
	r := &relay{transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	proxy := &httputil.ReverseProxy{
		Transport: r.transport,
		ErrorLog:  log.New(io.Discard, "", 0),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(r.targets[rand.IntN(len(r.targets))])
		},
		ModifyResponse: func(*http.Response) error {
			r.delivered.Add(1)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			r.lost.Add(1)
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if r.cut.Load() {
			r.lost.Add(1)
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		proxy.ServeHTTP(w, request)
	}))
	return r
}

func (r *relay) close() {
	r.Close()
	r.transport.CloseIdleConnections()
}
