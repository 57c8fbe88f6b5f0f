package ratelimit

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSampledLogCountsTheLinesItLeavesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		log, sampled := slog.New(slog.NewTextHandler(&text, nil)), NewSampledLog(2, 3)
		for range 10 {
			sampled.Sample(log).Info("line")
		}
		if got := strings.Count(text.String(), "left_out=0\n"); got != 3 || strings.Count(text.String(), "\n") != 3 {
			t.Errorf("logged:\n%s", &text)
		}
		text.Reset()
		advance(time.Second)
		for range 3 {
			sampled.Sample(log).Info("line")
		}
		if got := text.String(); !strings.Contains(got, "left_out=7\n") || strings.Count(got, "\n") != 2 {
			t.Errorf("after a second, logged:\n%s", got)
		}
		advance(time.Second)
		if leftOut, ok := sampled.Allow(); leftOut != 1 || !ok {
			t.Errorf("left out %d, allowed %t, want 1, true", leftOut, ok)
		}
	})
}
