package gqlhttp

import (
	"bufio"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

// compressAll is a proxy such as that of Next's rewrites: it compresses what its client accepts,
// unless the answer forbids to transform it, and holds compressed text back until the answer ends.
func compressAll(t *testing.T, origin string) *httptest.Server {
	t.Helper()
	target, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		compressed := &compressor{ResponseWriter: w}
		r.Header.Del("Accept-Encoding")
		proxy.ServeHTTP(compressed, r)
		compressed.close()
	}))
	t.Cleanup(server.Close)
	return server
}

type compressor struct {
	http.ResponseWriter

	zip *gzip.Writer // nil if the answer is passed on as it is
}

func (c *compressor) WriteHeader(status int) {
	if !strings.Contains(c.Header().Get("Cache-Control"), "no-transform") {
		c.Header().Set("Content-Encoding", "gzip")
		c.zip = gzip.NewWriter(c.ResponseWriter)
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *compressor) Write(text []byte) (int, error) {
	if c.zip != nil {
		return c.zip.Write(text)
	}
	return c.ResponseWriter.Write(text)
}

func (c *compressor) Flush() {
	if c.zip == nil {
		_ = http.NewResponseController(c.ResponseWriter).Flush()
	}
}

func (c *compressor) close() {
	if c.zip != nil {
		_ = c.zip.Close()
	}
}

func TestTheFirstEventPassesAProxyThatCompresses(t *testing.T) {
	t.Parallel()
	end := make(chan struct{})
	defer close(end)
	// The handler's headers with the first write of a stream, which then stays open.
	open := func(w http.ResponseWriter, r *http.Request) {
		events := newEventWriter(w, StreamOptions{}.withDefaults().WriteTimeout)
		if err := events.writeComment(); err != nil {
			t.Error(err)
		}
		select {
		case <-end:
		case <-r.Context().Done():
		}
	}
	origin := httptest.NewServer(forbidCompression(http.HandlerFunc(open)))
	t.Cleanup(origin.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, compressAll(t, origin.URL).URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "gzip")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if line, err := bufio.NewReader(response.Body).ReadString('\n'); line != ":\n" || err != nil {
		t.Errorf("the first line is %q, %v", line, err)
	}
}
