// Package playground serves GraphiQL, an editor for the API, from the program itself: no page of it asks any other
// host for anything, so it works without a network and tells nobody what is tried in it.
package playground

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"strings"

	"github.com/99designs/gqlgen/graphql/playground"
)

// assets are the published files of GraphiQL and React; NOTICE says whose they are.
//
//go:embed assets
var assets embed.FS

// charge is what the first tab holds.
//
//go:embed charge.graphql
var charge string

// fetcher is how GraphiQL asks.
//
//go:embed fetcher.js
var fetcher string

// Options says where the playground is and what it talks to.
type Options struct {
	Path      string // where it is mounted, as in "/playground"
	Endpoint  string // the GraphQL API on the same host, as in "/graphql"
	Token     string // a development token for the Authorization header; empty in live mode
	ProductID string // the product that the example in the first tab buys
	Sandbox   string // address of the pretend Iamport that the example pays at
}

// Handler serves the page at o.Path and its scripts and styles below it. It fails when gqlgen's page is no longer
// the one that it knows how to complete.
func Handler(o Options) (http.Handler, error) {
	o.Path = strings.TrimSuffix(o.Path, "/")
	page, err := complete(render(o), o)
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		return nil, fmt.Errorf("playground assets: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+o.Path, servePage(page, o.Token != ""))
	mux.Handle("GET "+o.Path+"/{$}", http.RedirectHandler(o.Path, http.StatusMovedPermanently))
	mux.Handle("GET "+o.Path+"/assets/", http.StripPrefix(o.Path+"/assets/", serveAssets(files)))
	return mux, nil
}

// render is gqlgen's page, which is the same for every request, with everything that it loads served by us.
func render(o Options) []byte {
	opts := []playground.GraphiqlConfigOption{
		playground.WithStoragePrefix("pointcharge:"),
		playground.WithGraphiqlEnablePluginExplorer(true),
		playground.WithGraphiqlVersion(
			o.asset("graphiql-4.1.2/graphiql.min.js"), o.asset("graphiql-4.1.2/graphiql.min.css"),
			"sha256-hnImuor1znlJkD/FOTL3jayfS/xsyNoP04abi8bFJWs=", "sha256-MEh+B2NdMSpj9kexQNN3QKc8UzMrCXW/Sx/phcpuyIU="),
		playground.WithGraphiqlReactVersion(
			o.asset("react-18.2.0/react.production.min.js"), o.asset("react-dom-18.2.0/react-dom.production.min.js"),
			"sha256-S0lp+k7zWUMk2ixteM6HZvu8L9Eh//OVrt+ZfbCpmgY=", "sha256-IXWO0ITNDjfnNXIu5POVfqlgYoop36bDzhodR6LW5Pc="),
		playground.WithGraphiqlPluginExplorerVersion(
			o.asset("plugin-explorer-4.0.6/index.umd.js"), o.asset("plugin-explorer-4.0.6/style.css"),
			"sha256-UM8sWOS0Xa9yLY85q6Clh0pF4qpxX+TOcJ41flECqBs=", "sha256-aJCaSuI7+t/EWRrLTis8jU9EFTua5/o7fnwxnroxDvE="),
	}
	if o.Token != "" {
		opts = append(opts, playground.WithGraphiqlUiHeaders(map[string]string{"Authorization": "Bearer " + o.Token}))
	}
	page := &recorder{header: http.Header{}}
	playground.Handler("pointcharge playground", o.Endpoint, opts...)(page, nil)
	return page.Bytes()
}

// recorder keeps what is written to it: gqlgen offers its page as a handler only.
type recorder struct {
	bytes.Buffer
	header http.Header
}

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) WriteHeader(int)     {}

func (o Options) asset(name string) string { return o.Path + "/assets/" + name }

// complete gives GraphiQL what gqlgen's options cannot: the query of the first tab, subscriptions, headers in every new
// tab, and no headers kept with the tabs, or the token of an earlier run of the sandbox would come back instead of today's.
func complete(page []byte, o Options) ([]byte, error) {
	query, err := json.Marshal(strings.NewReplacer("{{.ProductID}}", o.ProductID, "{{.SandboxURL}}", o.Sandbox).Replace(charge))
	if err != nil {
		return nil, fmt.Errorf("playground query: %w", err)
	}
	changes := []change{
		{"shouldPersistHeaders: true,", "shouldPersistHeaders: false,\n" +
			"          defaultHeaders: JSON.stringify(uiHeaders, null, 2),\n" +
			"          defaultQuery: " + string(query) + ","},
		{"      const fetcher = GraphiQL", fetcher + "      const fetcher = GraphiQL"},
		{"fetcher: fetcher,", "fetcher: streaming(fetcher),"},
		{`<meta charset="utf-8">`, `<meta charset="utf-8"><link rel="icon" href="data:,">`}, // or the browser asks for /favicon.ico
	}
	if o.Token == "" {
		// A token typed here is a real one, and GraphiQL's history keeps it: until the browser's tab is closed, not for good.
		changes = append(changes, change{"localStorage", "sessionStorage"})
	}
	for _, c := range changes {
		if page, err = c.apply(page); err != nil {
			return nil, err
		}
	}
	return page, nil
}

type change struct{ from, to string }

func (c change) apply(page []byte) ([]byte, error) {
	if !bytes.Contains(page, []byte(c.from)) {
		return nil, fmt.Errorf("playground: gqlgen's page has no %q to replace", c.from)
	}
	return bytes.ReplaceAll(page, []byte(c.from), []byte(c.to)), nil
}

func servePage(page []byte, secret bool) http.Handler {
	policy, caching := contentSecurityPolicy(page), "no-cache"
	if secret {
		caching = "no-store" // the page carries a token
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", caching)
		_, _ = w.Write(page) // a reader that has gone needs no page
	})
}

// contentSecurityPolicy allows the scripts of this host, the inline scripts that are in page now, and nothing that
// anybody might put there later.
func contentSecurityPolicy(page []byte) string {
	scripts := "script-src 'self'"
	for _, inline := range regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindAllSubmatch(page, -1) {
		digest := sha256.Sum256(inline[1])
		scripts += " 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'"
	}
	return strings.Join([]string{
		"default-src 'none'",
		scripts,
		"style-src 'self' 'unsafe-inline'", // GraphiQL's menus write <style> elements while it runs
		"img-src data:",
		"font-src data:",
		"connect-src 'self'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}

// serveAssets serves files whose names carry their version: what was loaded once never changes.
func serveAssets(files fs.FS) http.Handler {
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info, err := fs.Stat(files, r.URL.Path)
		if err != nil || info.IsDir() {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		server.ServeHTTP(w, r)
	})
}
