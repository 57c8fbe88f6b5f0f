// Package playground serves GraphiQL, an editor for the API, from the program itself. The page
// loads nothing from other hosts: it works without a network, and third parties see no query.
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

// assets are the published files of GraphiQL and React; NOTICE has their licences.
//
//go:embed assets
var assets embed.FS

// charge is the document in the first tab.
//
//go:embed charge.graphql
var charge string

// fetcher adds subscriptions to GraphiQL's own fetcher.
//
//go:embed fetcher.js
var fetcher string

// Options are the addresses of the playground and the API, and the values of the first tab.
type Options struct {
	Path     string // of the page, as in "/playground"
	Endpoint string // the GraphQL API on the same host, as in "/graphql"
	// Prefix stands before both in browsers, as in "/pay/api"; a proxy or the server removes the
	// prefix.
	Prefix    string
	Token     string // a development token for the Authorization header; empty in live mode
	ProductID string // the product of the example in the first tab
	Sandbox   string // address of the pretend Iamport for the example's payment
}

// Handler serves the page at o.Path, and scripts and styles below. The error means that gqlgen's
// page has changed and the replacements no longer fit.
func Handler(o Options) (http.Handler, error) {
	o.Path = strings.TrimSuffix(o.Path, "/")
	page, err := completePage(renderPage(o), o)
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		return nil, fmt.Errorf("playground assets: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+o.Path, servePage(page, o.Token != ""))
	mux.Handle("GET "+o.Path+"/{$}", http.RedirectHandler(o.Prefix+o.Path, http.StatusMovedPermanently))
	mux.Handle("GET "+o.Path+"/assets/", http.StripPrefix(o.Path+"/assets/", serveAssets(files)))
	return mux, nil
}

// renderPage returns gqlgen's page, the same for every request, with local addresses for all files.
func renderPage(o Options) []byte {
	opts := []playground.GraphiqlConfigOption{
		playground.WithStoragePrefix("pointcharge:"),
		playground.WithGraphiqlEnablePluginExplorer(true),
		playground.WithGraphiqlVersion(
			o.assetPath("graphiql-4.1.2/graphiql.min.js"), o.assetPath("graphiql-4.1.2/graphiql.min.css"),
			"sha256-hnImuor1znlJkD/FOTL3jayfS/xsyNoP04abi8bFJWs=", "sha256-MEh+B2NdMSpj9kexQNN3QKc8UzMrCXW/Sx/phcpuyIU="),
		playground.WithGraphiqlReactVersion(
			o.assetPath("react-18.2.0/react.production.min.js"), o.assetPath("react-dom-18.2.0/react-dom.production.min.js"),
			"sha256-S0lp+k7zWUMk2ixteM6HZvu8L9Eh//OVrt+ZfbCpmgY=", "sha256-IXWO0ITNDjfnNXIu5POVfqlgYoop36bDzhodR6LW5Pc="),
		playground.WithGraphiqlPluginExplorerVersion(
			o.assetPath("plugin-explorer-4.0.6/index.umd.js"), o.assetPath("plugin-explorer-4.0.6/style.css"),
			"sha256-UM8sWOS0Xa9yLY85q6Clh0pF4qpxX+TOcJ41flECqBs=", "sha256-aJCaSuI7+t/EWRrLTis8jU9EFTua5/o7fnwxnroxDvE="),
	}
	if o.Token != "" {
		opts = append(opts, playground.WithGraphiqlUiHeaders(map[string]string{"Authorization": "Bearer " + o.Token}))
	}
	page := &recorder{header: http.Header{}}
	playground.Handler("pointcharge playground", o.Prefix+o.Endpoint, opts...)(page, nil)
	return page.Bytes()
}

// recorder keeps the written page. gqlgen offers the page as a handler only.
type recorder struct {
	bytes.Buffer
	header http.Header
}

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) WriteHeader(int)     {}

func (o Options) assetPath(name string) string { return o.Prefix + o.Path + "/assets/" + name }

// completePage adds features missing in gqlgen's options: the query of the first tab,
// subscriptions, and the headers of every new tab. Headers are not stored with the tabs, because
// the token of an earlier run of the sandbox would replace the current token.
func completePage(page []byte, o Options) ([]byte, error) {
	query, err := json.Marshal(strings.NewReplacer("{{.ProductID}}", o.ProductID, "{{.SandboxURL}}", o.Sandbox).Replace(charge))
	if err != nil {
		return nil, fmt.Errorf("playground query: %w", err)
	}
	replacements := []replacement{
		{"shouldPersistHeaders: true,", "shouldPersistHeaders: false,\n" +
			"          defaultHeaders: JSON.stringify(uiHeaders, null, 2),\n" +
			"          defaultQuery: " + string(query) + ","},
		{"      const fetcher = GraphiQL", fetcher + "      const fetcher = GraphiQL"},
		{"fetcher: fetcher,", "fetcher: streaming(fetcher),"},
		// Without an icon browsers request /favicon.ico.
		{`<meta charset="utf-8">`, `<meta charset="utf-8"><link rel="icon" href="data:,">`},
	}
	if o.Token == "" {
		// In live mode a typed token is a real token, and GraphiQL's history stores the token.
		// Session storage ends with the browser's tab.
		replacements = append(replacements, replacement{"localStorage", "sessionStorage"})
	}
	for _, r := range replacements {
		if page, err = r.apply(page); err != nil {
			return nil, err
		}
	}
	return page, nil
}

type replacement struct{ from, to string }

func (r replacement) apply(page []byte) ([]byte, error) {
	if !bytes.Contains(page, []byte(r.from)) {
		return nil, fmt.Errorf("playground: gqlgen's page has no %q to replace", r.from)
	}
	return bytes.ReplaceAll(page, []byte(r.from), []byte(r.to)), nil
}

func servePage(page []byte, hasToken bool) http.Handler {
	policy, caching := contentSecurityPolicy(page), "no-cache"
	if hasToken {
		caching = "no-store" // the page carries a token
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", caching)
		_, _ = w.Write(page) // the client may have left
	})
}

// contentSecurityPolicy allows the scripts of this host and the inline scripts now on the page, but
// no script injected later.
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

// serveAssets serves files with a version in the name, so browsers may keep the files forever.
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
