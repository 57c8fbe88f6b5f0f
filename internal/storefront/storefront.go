// Package storefront is a small shop for sandbox mode: sign in as a demo user, buy points on the pretend checkout,
// watch them arrive. Its page knows nothing but the public GraphQL API, so that charge.js is also the shortest
// example of a front end.
package storefront

import (
	"embed"
	"html/template"
	"net/http"
)

//go:embed index.html icon.svg *.js *.css
var files embed.FS

// policy lets the page load, call and frame its own host and sdk, the origin of the payment window's script, and
// nothing else. There is no inline script and no inline style to allow.
func policy(sdk string) string {
	return "default-src 'none'; script-src 'self' " + sdk + "; style-src 'self'; img-src 'self'; connect-src 'self' " + sdk +
		"; frame-src 'self' " + sdk + "; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// DemoUser is somebody to sign in as. The token is shown to everybody who opens the page: sandbox mode only.
type DemoUser struct {
	Name  string `json:"name"`
	Token string `json:"token"` // for the Authorization header, without "Bearer"
}

type settings struct {
	Users   []DemoUser `json:"users"`
	GraphQL string     `json:"graphql"`
}

// Handler serves the shop at "/" and what it loads below "/storefront/"; there is nothing else. The page calls
// graphqlPath, as in "/graphql", on the same host, and loads the payment window from the origin sdk.
func Handler(demoUsers []DemoUser, graphqlPath, sdk string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", servePage(settings{Users: demoUsers, GraphQL: graphqlPath}, policy(sdk)))
	for _, name := range []string{"charge.js", "view.js", "storefront.js", "storefront.css", "icon.svg"} {
		mux.Handle("GET /storefront/"+name, serveFile(name))
	}
	return mux
}

func servePage(s settings, policy string) http.Handler {
	page := template.Must(template.ParseFS(files, "index.html"))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Cache-Control", "no-store") // it carries tokens
		_ = page.Execute(w, s)                      // fails only when the reader has gone
	})
}

func serveFile(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, files, name)
	})
}
