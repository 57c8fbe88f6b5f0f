package middleware

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"pointcharge/internal/ratelimit"
)

// RecoverPanics logs a panic of next once, with the innermost part of the stack, and breaks the
// answer off. net/http would close the same connection, but also write the panic to its own log
// without a limit. A caller with a way to cause panics gets ten lines at once and one a second.
func RecoverPanics(log *slog.Logger, next http.Handler) http.Handler {
	sampled := ratelimit.NewSampledLog(1, 10)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { abortAfterPanic(log, sampled, r, recover()) }()
		next.ServeHTTP(w, r)
	})
}

// abortAfterPanic does nothing for a nil cause. http.ErrAbortHandler is a handler's own wish to
// break off, and is not logged.
func abortAfterPanic(log *slog.Logger, sampled *ratelimit.SampledLog, r *http.Request, cause any) {
	switch cause {
	case nil:
		return
	case http.ErrAbortHandler:
	default:
		if leftOut, ok := sampled.Allow(); ok { // not cleaned: the stack has lines
			logPanic(log, r, cause, leftOut)
		}
	}
	panic(http.ErrAbortHandler)
}

func logPanic(log *slog.Logger, r *http.Request, cause any, leftOut int64) {
	log.ErrorContext(r.Context(), "panic", "route", r.Pattern,
		"cause", fmt.Sprintf("%.1000v", cause), "stack", fmt.Sprintf("%.8000s", debug.Stack()), "left_out", leftOut)
}
