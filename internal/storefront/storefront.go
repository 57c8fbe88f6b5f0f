// Package storefront serves a demo shop for sandbox mode: a visitor signs in as a demo user, buys
// points on the pretend checkout and watches the balance. The page uses the public GraphQL API
// only, so charge.js is also the shortest example of a front end.
package storefront

import (
	"embed"
	"html/template"
	"net/http"
)

//go:embed index.html icon.svg *.js *.css
var files embed.FS

// securityPolicy returns the page's Content-Security-Policy. The page may load, call and frame its
// own host and sdk, the origin of the payment window's script. The page has no inline script and no
// inline style.
func securityPolicy(sdk string) string {
	return "default-src 'none'; script-src 'self' " + sdk + "; style-src 'self'; img-src 'self'; " +
		"connect-src 'self' " + sdk + "; frame-src 'self' " + sdk +
		"; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// DemoUser is a user for visitors to sign in as. Every visitor of the page sees the token, so
// DemoUser is for sandbox mode only.
type DemoUser struct {
	Name  string `json:"name"`
	Token string `json:"token"` // for the Authorization header, without "Bearer"
}

// settings are the page's JSON.
type settings struct {
	Users   []DemoUser `json:"users"`
	GraphQL string     `json:"graphql"`
}

// Handler serves the shop at "/" and its files below "/storefront/". In browsers prefix, as in
// "/pay/api", stands before both paths and before "/graphql", the page's API. The page loads the
// payment window from the origin sdk.
func Handler(demoUsers []DemoUser, prefix, sdk string) http.Handler {
	mux := http.NewServeMux()
	shop := settings{Users: demoUsers, GraphQL: prefix + "/graphql"}
	mux.Handle("GET /{$}", servePage(shop, prefix, securityPolicy(sdk)))
	home := http.RedirectHandler(prefix+"/", http.StatusMovedPermanently)
	mux.Handle("GET /storefront", home)
	mux.Handle("GET /storefront/{$}", home)
	for _, name := range []string{"charge.js", "view.js", "storefront.js", "storefront.css", "icon.svg"} {
		mux.Handle("GET /storefront/"+name, serveFile(name))
	}
	return mux
}

func servePage(shop settings, prefix, policy string) http.Handler {
	page := template.Must(template.ParseFS(files, "index.html"))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Cache-Control", "no-store") // the page contains tokens
		content := map[string]any{"Settings": shop, "Prefix": prefix}
		_ = page.Execute(w, content) // fails only if the client has hung up
	})
}

func serveFile(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, files, name)
	})
}
