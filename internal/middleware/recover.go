package middleware

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// RecoverPanics logs a panic of next once, with the innermost part of its stack, and breaks the
// answer off. net/http would close the same connection, but it would log the panic to its own log,
// which callers can fill.
func RecoverPanics(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { abortAfterPanic(log, r, recover()) }()
		next.ServeHTTP(w, r)
	})
}

// abortAfterPanic does nothing for a nil cause. http.ErrAbortHandler is a handler's own wish to
// break off, so it is not logged.
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
	log.ErrorContext(r.Context(), "panic", "route", r.Pattern,
		"cause", fmt.Sprintf("%.1000v", cause), "stack", fmt.Sprintf("%.8000s", debug.Stack()))
}
