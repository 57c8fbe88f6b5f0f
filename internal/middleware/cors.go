package middleware

import (
	"net/http"
	"slices"

	"github.com/rs/cors"
)

// AllowOrigins lets pages of the given origins call next. The refuse handler answers writes from
// the pages of every other site. Reads from other sites reach next, because they change nothing,
// but the page gets no permission to look at the answer. Origins are compared with the Origin
// header byte by byte; "*" allows every origin.
func AllowOrigins(origins []string, refuse, next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(refuse)
	for _, origin := range origins {
		_ = protection.AddTrustedOrigin(origin) // the configuration has checked them
	}
	guarded := protection.Handler(next)
	allowAll := slices.Contains(origins, "*")
	if allowAll { // the protection knows no such origin
		guarded = next
	}
	return cors.New(cors.Options{
		// An empty AllowedOrigins would allow every origin.
		AllowOriginFunc: func(origin string) bool { return allowAll || slices.Contains(origins, origin) },
		AllowedMethods:  []string{http.MethodGet, http.MethodPost},
		AllowedHeaders:  []string{"Authorization", "Content-Type"},
		ExposedHeaders:  []string{"Retry-After"},
		MaxAge:          600,
	}).Handler(guarded)
}
