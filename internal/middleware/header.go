package middleware

import (
	"net/http"
	"slices"

	"github.com/rs/cors"
)

// SecurityHeaders gives every answer of next what keeps browsers from doing more with it than show it. Pages set a
// Content-Security-Policy, and files a Cache-Control, of their own; an answer that says nothing is neither shown in a
// frame nor kept. There is no Cross-Origin-Opener-Policy: it would cut a shop's page off from the payment window.
//
// secure is for servers whose browsers come by https only: they are told to keep it so for a year. It is for the
// configuration to know. What a request says about how it came is not believed, and browsers ignore the header where
// they came by http (RFC 6797 §8.1).
func SecurityHeaders(secure bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// AllowOrigins lets the pages of the origins call next; every other site's pages are answered by refuse. The origins are
// compared with the Origin header as they are; "*" means all. Reads are answered without permission to look at
// the answer, since they change nothing.
func AllowOrigins(origins []string, refuse, next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(refuse)
	for _, origin := range origins {
		_ = protection.AddTrustedOrigin(origin) // the configuration has checked them
	}
	guarded := protection.Handler(next)
	everybody := slices.Contains(origins, "*")
	if everybody { // the protection knows no such origin
		guarded = next
	}
	return cors.New(cors.Options{
		// AllowedOrigins takes an empty list for everybody.
		AllowOriginFunc: func(origin string) bool { return everybody || slices.Contains(origins, origin) },
		AllowedMethods:  []string{http.MethodGet, http.MethodPost},
		AllowedHeaders:  []string{"Authorization", "Content-Type"},
		ExposedHeaders:  []string{"Retry-After"},
		MaxAge:          600,
	}).Handler(guarded)
}
