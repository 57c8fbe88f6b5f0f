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

// wrapper puts something around a handler.
type wrapper = func(http.Handler) http.Handler

// wrap puts the chain around a handler. The first entry is the outermost.
func wrap(handler http.Handler, chain []wrapper) http.Handler {
	for _, around := range slices.Backward(chain) {
		handler = around(handler)
	}
	return handler
}

// middleware is the chain in front of every route, in the order in which a request passes it.
func (p *parts) middleware() []wrapper {
	return []wrapper{
		// Adds the security headers. First, so that refusals of the other entries carry them.
		func(next http.Handler) http.Handler {
			return middleware.SecurityHeaders(strings.HasPrefix(p.cfg.PublicURL, "https://"), next)
		},
		// Finds the client's address behind TRUSTED_PROXIES. Before all that limits or logs by
		// address.
		middleware.Proxies(p.cfg.TrustedProxies).Identify,
		// Measures time by route and status. After identify, which passes a request of its own on,
		// because the router writes the route's name into the request that it gets; before
		// recoverPanics, to count its answers.
		func(next http.Handler) http.Handler { return instrument(p.registry, next) },
		// Logs a panic and answers for it. Inside instrument, outside all that may panic.
		func(next http.Handler) http.Handler { return middleware.RecoverPanics(p.log, next) },
		// Keeps pages of other sites away from a local sandbox. Last before the router.
		func(next http.Handler) http.Handler { return restrictHosts(p.cfg, next) },
	}
}

// apiMiddleware is the chain in front of the GraphQL API, behind the one of all routes.
func apiMiddleware(cfg config.Config, log *slog.Logger, verifier *auth.Verifier, limit *ratelimit.Limit) []wrapper {
	return []wrapper{
		// Answers preflights and refuses other origins. First, so that a page may read the refusals
		// that follow.
		func(next http.Handler) http.Handler {
			cors := middleware.CORS{Origins: cfg.CORSOrigins, Headers: cfg.CORSHeaders, Log: log}
			return cors.Allow(http.HandlerFunc(graph.WriteOriginRefusal), next)
		},
		// Verifies the token, if there is one. Before the limits, which count by user.
		verifier.Middleware,
		// Counts requests by user or address. Last, so that only readable requests of known callers
		// are counted.
		func(next http.Handler) http.Handler { return graph.LimitRate(limit, next) },
	}
}

// restrictHosts answers only requests to the server's own names, if it is a sandbox that only this
// machine can reach. Else a page of another site, whose name leads here, could read what is in it.
// Webhooks may come to any name: nothing in them is believed.
func restrictHosts(cfg config.Config, next http.Handler) http.Handler {
	if cfg.Mode != config.Sandbox || cfg.SandboxRemote {
		return next
	}
	public, _ := url.Parse(cfg.PublicURL) // the configuration has checked it
	mux := http.NewServeMux()
	mux.Handle(webhookPath, next)
	mux.Handle(webhookPath+"/{$}", next)
	mux.Handle("/", middleware.RestrictHosts([]string{public.Host}, next))
	return mux
}
