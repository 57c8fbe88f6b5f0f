package middleware

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/rs/cors"

	"pointcharge/internal/ratelimit"
)

// CORS lists the pages that may call, and the headers for their requests.
type CORS struct {
	// Origins are compared with the Origin header byte by byte; "*" allows every origin.
	Origins []string
	// Headers may be sent in addition to commonHeaders.
	Headers []string
	// Log gets a few lines at most about refused pages.
	Log *slog.Logger
}

// commonHeaders are the headers that clients of GraphQL, error trackers and tracers add by
// themselves. One unknown header makes the whole preflight fail. The server reads only
// Authorization and Content-Type.
func commonHeaders() []string {
	return []string{
		"Authorization", "Content-Type", "Accept", "Accept-Language", "Cache-Control", "X-Requested-With", "X-Request-Id",
		"Apollographql-Client-Name", "Apollographql-Client-Version", "Apollo-Require-Preflight", "X-Apollo-Operation-Name",
		"X-Apollo-Operation-Id", "X-Apollo-Operation-Type", "X-Apollo-Cache-Fetch-Strategy", "GraphQL-Preflight",
		"Sentry-Trace", "Baggage", "Traceparent", "Tracestate", "X-Datadog-Trace-Id", "X-Datadog-Parent-Id", "X-Datadog-Origin",
		"X-Datadog-Sampling-Priority", "Newrelic", "B3", "X-B3-Traceid", "X-B3-Spanid", "X-B3-Sampled", "Last-Event-Id",
	}
}

// Allow lets pages of the origins call next. The refuse handler answers writes from pages of every
// other site. Reads from other sites change nothing and reach next, but the page may not see the
// answer. Credentials are allowed, because some clients always ask for credentials; the server has
// no cookies.
func (c CORS) Allow(refuse, next http.Handler) http.Handler {
	sampled := ratelimit.NewSampledLog(1.0/60, 3)
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.logRefusal(sampled, r, "the origin is not in CORS_ORIGINS")
		refuse.ServeHTTP(w, r)
	}))
	for _, origin := range c.Origins {
		_ = protection.AddTrustedOrigin(origin) // the configuration has checked the origins
	}
	guarded := protection.Handler(next)
	if c.allowsOrigin("") { // the protection knows no "*"
		guarded = next
	}
	headers := append(commonHeaders(), c.Headers...)
	handler := cors.New(cors.Options{
		// An empty AllowedOrigins would allow every origin.
		AllowOriginFunc:  c.allowsOrigin,
		AllowedMethods:   []string{http.MethodGet, http.MethodPost},
		AllowedHeaders:   headers,
		AllowCredentials: true,
		ExposedHeaders:   []string{"Retry-After"},
		MaxAge:           600,
	}).Handler(guarded)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if reason := c.preflightProblem(r, headers); reason != "" {
			c.logRefusal(sampled, r, reason)
		}
		handler.ServeHTTP(w, r)
	})
}

func (c CORS) allowsOrigin(origin string) bool {
	return slices.Contains(c.Origins, "*") || slices.Contains(c.Origins, origin)
}

// preflightProblem returns why a preflight is refused, or an empty string.
func (c CORS) preflightProblem(r *http.Request, headers []string) string {
	method := r.Header.Get("Access-Control-Request-Method")
	if r.Method != http.MethodOptions || method == "" {
		return ""
	}
	if !c.allowsOrigin(r.Header.Get("Origin")) {
		return "the origin is not in CORS_ORIGINS"
	}
	if method != http.MethodGet && method != http.MethodPost {
		return "only GET and POST are supported"
	}
	for _, name := range strings.Split(r.Header.Get("Access-Control-Request-Headers"), ",") {
		name = strings.TrimSpace(name)
		if name != "" && !slices.ContainsFunc(headers, func(known string) bool { return strings.EqualFold(known, name) }) {
			return "the header " + name + " is not in CORS_HEADERS"
		}
	}
	return ""
}

func (c CORS) logRefusal(sampled *ratelimit.SampledLog, r *http.Request, reason string) {
	if c.Log != nil {
		sampled.Sample(c.Log).WarnContext(r.Context(), "a page may not call", "origin", r.Header.Get("Origin"), "reason", reason)
	}
}
