package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	testdb "pointcharge/internal/database/databasetest"
)

// publicPath is where the proxies of these tests have the server.
const publicPath = "/pay/api"

// openShopBelowPath starts a server behind a proxy that passes requests below publicPath on. The
// proxy takes the prefix off or leaves it. The visitor's address is the proxy's.
func openShopBelowPath(t *testing.T, strips bool) *visitor {
	t.Helper()
	var server atomic.Pointer[url.URL]
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(server.Load())
		r.Out.Host = r.In.Host
	}}
	var pass http.Handler = proxy
	if strips {
		pass = http.StripPrefix(publicPath, proxy)
	}
	mux := http.NewServeMux() // answers 404 to everything else, as the host's other pages would
	mux.Handle(publicPath+"/", pass)
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	s := openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)).with(environment{"PUBLIC_URL": front.URL + publicPath}))
	address, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	server.Store(address)
	s.url = front.URL + publicPath
	return s
}

func TestEveryAddressWorksBelowAPath(t *testing.T) {
	t.Parallel()
	for name, strips := range map[string]bool{"the proxy strips the prefix": true, "the proxy leaves the prefix": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShopBelowPath(t, strips)
			for _, path := range []string{"/", "/playground", "/storefront/charge.js", "/sandbox/iamport.js", "/healthz"} {
				if a := s.send(http.MethodGet, s.url+path, ""); a.status != http.StatusOK {
					t.Errorf("GET %s: %d", path, a.status)
				}
			}
			for path, want := range map[string]string{"/storefront": "/", "/storefront/": "/", "/playground/": "/playground"} {
				a := s.send(http.MethodGet, s.url+path, "")
				if to := a.header.Get("Location"); a.status != http.StatusMovedPermanently || to != publicPath+want {
					t.Errorf("GET %s: %d to %s", path, a.status, to)
				}
			}
			for _, path := range []string{"/graphql", "/graphql/"} {
				a := s.send(http.MethodPost, s.url+path, products)
				if a.status != http.StatusOK || !strings.Contains(a.text, "points-5000") {
					t.Errorf("POST %s: %d %s", path, a.status, a.text)
				}
			}
			a := s.send(http.MethodGet, s.url+"/payments/return?merchant_uid=m", "")
			if to := a.header.Get("Location"); !strings.HasPrefix(to, s.url+"/?") {
				t.Errorf("a payer returns to %s", to)
			}
		})
	}
}

// TestTrailingSlashesChangeNothing: people type these addresses into consoles and settings.
func TestTrailingSlashesChangeNothing(t *testing.T) {
	t.Parallel()
	s := openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)))
	for _, encoding := range []string{"identity", "gzip"} {
		for _, path := range []string{"/graphql", "/graphql/stream"} {
			headers := []string{"Accept-Encoding", encoding}
			with, without := s.send(http.MethodPost, s.url+path+"/", products, headers...), s.send(http.MethodPost, s.url+path, products, headers...)
			if with.status != without.status || with.text != without.text || with.header.Get("Content-Encoding") != without.header.Get("Content-Encoding") {
				t.Errorf("%s/: %d %s\nwithout the slash: %d %s", path, with.status, with.text, without.status, without.text)
			}
		}
	}
	if a := s.send(http.MethodGet, s.url+"/storefront/", ""); a.header.Get("Location") != "/" {
		t.Errorf("/storefront/: %d to %q", a.status, a.header.Get("Location"))
	}
	s.send(http.MethodPost, s.url+"/webhook/iamport", "{}")
	s.printed(`(no such route).* path=/webhook/iamport`)
}
