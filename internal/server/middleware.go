package server

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"pointcharge/graph"
	"pointcharge/internal/auth"
	"pointcharge/internal/config"
	"pointcharge/internal/middleware"
	"pointcharge/internal/ratelimit"
)

// wrapper adds behaviour around a handler.
type wrapper = func(http.Handler) http.Handler

// wrapInChain puts the chain around a handler. The first entry is the outermost.
func wrapInChain(handler http.Handler, chain []wrapper) http.Handler {
	for _, around := range slices.Backward(chain) {
		handler = around(handler)
	}
	return handler
}

// middlewareChain returns the chain in front of every route, in the order in which a request
// passes it.
func (p *parts) middlewareChain(mux *http.ServeMux) []wrapper {
	return []wrapper{
		// Adds the security headers. First, so that refusals of the other entries carry the
		// headers, too.
		func(next http.Handler) http.Handler {
			return middleware.SecurityHeaders(strings.HasPrefix(p.cfg.PublicURL, "https://"), next)
		},
		// Finds the client's address behind TRUSTED_PROXIES. Before all entries that limit or log
		// by address.
		middleware.Proxies(p.cfg.TrustedProxies).Identify,
		// Takes the path of PUBLIC_URL off. Before all that reads the path.
		func(next http.Handler) http.Handler { return stripPublicPath(p.cfg.PublicPath(), mux, next) },
		// Measures time by route and status. After identify and stripPublicPath, which pass a
		// request of their own on, because the router writes the route's name into the request
		// that it gets; before recoverPanics, to count its answers.
		func(next http.Handler) http.Handler { return measureRequests(p.registry, next) },
		// Logs requests that no route answers. Next to measureRequests, for the same reason.
		func(next http.Handler) http.Handler { return logUnknownRoutes(p.log, next) },
		// Logs a panic and answers for it. Inside measureRequests, outside all that may panic.
		func(next http.Handler) http.Handler { return middleware.RecoverPanics(p.log, next) },
		// Keeps pages of other sites away from a local sandbox. Last before the router.
		func(next http.Handler) http.Handler { return restrictHosts(p.cfg, next) },
	}
}

// apiMiddleware is the chain in front of the GraphQL API, behind the one of all routes.
func apiMiddleware(cfg config.Config, log *slog.Logger, verifier *auth.Verifier, limit *ratelimit.Limit) []wrapper {
	return []wrapper{
		// Answers preflights and refuses other origins. First, so that a page may read the refusals
		// of the following entries.
		func(next http.Handler) http.Handler {
			cors := middleware.CORS{Origins: cfg.CORSOrigins, Headers: cfg.CORSHeaders, Log: log}
			return cors.Allow(http.HandlerFunc(graph.WriteOriginRefusal), next)
		},
		// Verifies the token of a request. Before the limits, which count by user.
		verifier.Middleware,
		// Counts requests by user or address. Last, so that only readable requests of known callers
		// are counted.
		func(next http.Handler) http.Handler { return graph.LimitRate(limit, next) },
	}
}

// stripPublicPath takes prefix, the path of PUBLIC_URL, off the paths of requests from a proxy that
// passes it on. A path that has a route as it is was stripped by the proxy already.
func stripPublicPath(prefix string, mux *http.ServeMux, next http.Handler) http.Handler {
	if prefix == "" {
		return next
	}
	strip := http.StripPrefix(prefix, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		switch {
		case pattern == "" && r.URL.Path == prefix:
			home := url.URL{Path: prefix + "/", RawQuery: r.URL.RawQuery}
			http.Redirect(w, r, home.String(), http.StatusMovedPermanently)
		case pattern == "" && strings.HasPrefix(r.URL.Path, prefix+"/"):
			strip.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// maxLoggedPath is in bytes. It suffices to recognise a mistyped address.
const maxLoggedPath = 200

// logUnknownRoutes logs requests that have no route, a few each second at most: a mistyped webhook
// or return address shows nowhere else.
func logUnknownRoutes(log *slog.Logger, next http.Handler) http.Handler {
	sampled := ratelimit.NewSampledLog(1, 10)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if r.Pattern == "" {
			sampled.Sample(log).WarnContext(r.Context(), "no such route", "method", r.Method,
				"path", r.URL.Path[:min(len(r.URL.Path), maxLoggedPath)], "address", middleware.ClientAddress(r.Context()).String())
		}
	})
}

// restrictHosts answers only requests to the server's own names, if it is a sandbox that only this
// machine can reach. Else a page of another site, whose name leads here, could read what is in it.
// Webhooks may come to any name: nothing in them is believed.
func restrictHosts(cfg config.Config, next http.Handler) http.Handler {
	if cfg.Mode != config.Sandbox || cfg.SandboxRemote {
		return next
	}
	public, _ := url.Parse(cfg.PublicURL) // config has checked the URL
	mux := http.NewServeMux()
	mux.Handle(WebhookPath, next)
	mux.Handle(WebhookPath+"/{$}", next)
	mux.Handle("/", middleware.RestrictHosts([]string{public.Host}, next))
	return mux
}
