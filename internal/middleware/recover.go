package middleware

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// RecoverPanics logs a panic of next once, with the part of its stack that is nearest, and breaks the answer off. net/http would
// end the same connection, but say so to its own log, which strangers can fill.
func RecoverPanics(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { abortAfterPanic(log, r, recover()) }()
		next.ServeHTTP(w, r)
	})
}

func abortAfterPanic(log *slog.Logger, r *http.Request, cause any) {
	switch cause {
	case nil:
		return
	case http.ErrAbortHandler:
	default:
		logPanic(log, r, cause)
	}
	panic(http.ErrAbortHandler)
}

func logPanic(log *slog.Logger, r *http.Request, cause any) {
	log.ErrorContext(r.Context(), "panic", "route", r.Pattern, "cause", fmt.Sprintf("%.1000v", cause),
		"stack", fmt.Sprintf("%.8000s", debug.Stack()))
}
