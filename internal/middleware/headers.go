package middleware

import "net/http"

// SecurityHeaders sets headers that keep browsers from doing more with an answer than show it. By
// default an answer is neither framed nor cached. Handlers overwrite the defaults: pages set a
// Content-Security-Policy, and files a Cache-Control. Cross-Origin-Opener-Policy is not set,
// because the header would cut a shop's page off from the payment window.
//
// secure means that browsers reach the server by https only: a header tells browsers to use https
// for a year. The value comes from the configuration, because a request's own claim is not
// trustworthy. Browsers ignore the header in answers by http (RFC 6797 §8.1).
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
