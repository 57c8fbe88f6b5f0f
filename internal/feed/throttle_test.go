package feed

import (
	"log/slog"
	"testing"
	"time"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/point"
	"pointcharge/internal/ratelimit"
)

func newSlowFeed(t *testing.T, rate ratelimit.Rate) *Feed {
	t.Helper()
	db := databasetest.New(t, databasetest.SQLite)
	f := New(Config{Points: point.New(db), Poll: time.Millisecond, Log: slog.New(slog.DiscardHandler), Rate: rate})
	t.Cleanup(f.Close)
	return f
}

func TestTheStreamsOfAUserBringSoManyLinesASecondTogether(t *testing.T) {
	t.Parallel()
	const lines, perSecond, burst = 10, 50, 4
	f := newSlowFeed(t, ratelimit.Rate{Limit: perSecond, Burst: burst})
	addLines(t, f, "minji", lines)
	addLines(t, f, "junho", burst)
	zero, begun := 0, time.Now()
	first, leave := subscribe(t, f, "minji", &zero)
	defer leave()
	second, leave := subscribe(t, f, "minji", &zero)
	defer leave()
	other, leave := subscribe(t, f, "junho", &zero)
	defer leave()
	for range burst {
		<-other
	}
	for want := int64(1); want <= lines; want++ {
		if one, two := <-first, <-second; one.Seq != want || two.Seq != want {
			t.Fatalf("lines %d and %d, want %d", one.Seq, two.Seq, want)
		}
	}
	least := (2*lines - burst) * time.Second / perSecond
	if took := time.Since(begun); took < least {
		t.Errorf("%d lines in %s, want %s at least", 2*lines, took, least)
	}
}

func TestAWaitingReaderCanLeave(t *testing.T) {
	t.Parallel()
	f := newSlowFeed(t, ratelimit.Rate{Limit: 0.001, Burst: 1})
	addLines(t, f, "minji", 2)
	zero := 0
	lines, leave := subscribe(t, f, "minji", &zero)
	<-lines
	leave()
	if line, ok := <-lines; ok {
		t.Errorf("line %d came a quarter of an hour too early", line.Seq)
	}
}

func TestABurstHoldsUpNoOtherUser(t *testing.T) {
	t.Parallel()
	f := newSlowFeed(t, ratelimit.Rate{Limit: 0.001, Burst: 1})
	addLines(t, f, "minji", 2)
	zero := 0
	mine, leave := subscribe(t, f, "minji", &zero)
	defer leave()
	<-mine
	again, leave := subscribe(t, f, "minji", &zero) // a new stream has no line of its own left
	defer leave()
	others, leave := subscribe(t, f, "junho", nil)
	defer leave()
	addLines(t, f, "junho", 1)
	<-others
	select {
	case line := <-again:
		t.Errorf("line %d of who has had theirs", line.Seq)
	default:
	}
}
