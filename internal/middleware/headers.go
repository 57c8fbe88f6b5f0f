package middleware

import "net/http"

// SecurityHeaders sets headers that keep browsers from doing more with an answer than show it. By
// default an answer is neither framed nor cached. Handlers overwrite these defaults: pages set
// their own Content-Security-Policy, and files their own Cache-Control. Cross-Origin-Opener-Policy
// is not set, because it would cut a shop's page off from the payment window.
//
// secure means that browsers reach the server by https only: they are told to keep it so for a
// year. It comes from the configuration, because a request's claim of how it came is not
// trustworthy. Browsers ignore the header when they came by http (RFC 6797 §8.1).
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
