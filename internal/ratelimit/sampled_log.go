package ratelimit

import (
	"log/slog"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// SampledLog bounds how many lines a second callers can make the server log. Each written line has
// the number of lines left out since the line before. SampledLog is safe for concurrent use.
type SampledLog struct {
	limiter *rate.Limiter
	leftOut atomic.Int64 // since the last line
}

// NewSampledLog returns a SampledLog that allows burst lines at once and perSecond in the long run.
func NewSampledLog(perSecond rate.Limit, burst int) *SampledLog {
	return &SampledLog{limiter: rate.NewLimiter(perSecond, burst)}
}

// Allow reports whether a line may be written now, and the number of lines left out since the last
// line. The caller must write an allowed line.
func (l *SampledLog) Allow() (leftOut int64, ok bool) {
	if !l.limiter.Allow() {
		l.leftOut.Add(1)
		return 0, false
	}
	return l.leftOut.Swap(0), true
}

// Sample returns log with the attribute left_out, or a logger that discards everything after too
// many lines. The logger is for exactly one line, and cleans the line's texts (Clean), but not
// attributes added earlier by With.
func (l *SampledLog) Sample(log *slog.Logger) *slog.Logger {
	leftOut, ok := l.Allow()
	if !ok {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(cleanHandler{log.Handler()}).With("left_out", leftOut)
}
