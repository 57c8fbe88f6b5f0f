package graph_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/graph"
	"pointcharge/internal/auth"
	"pointcharge/internal/gqlguard"
	"pointcharge/internal/gqlhttp"
	"pointcharge/internal/point"
)

// limitedChannel is one with limits, and a pace.
func (w *world) limitedChannel(limits gqlguard.Limits, pace gqlhttp.StreamOptions) *channel {
	w.Helper()
	c := w.channel()
	resolver := &graph.Resolver{Points: &point.Service{DB: w.db}, Log: slog.New(slog.NewJSONHandler(w.log, nil)), Feed: c.feed, Limits: limits}
	server := httptest.NewServer(auth.NewHS256([]byte(authSecret), issuer, audience).Middleware(resolver.StreamHandler(pace)))
	w.Cleanup(server.Close)
	w.Cleanup(c.feed.Close) // first: the server waits for its requests
	c.url = server.URL
	return c
}

const everything = `subscription { viewerTransactionAdded(after: 0) { id seq kind amount balanceAfter impUid description createdAt
	order { merchantUid status price points } sources { reason amount } } }`

func TestAnEventIsCheaperThanAnAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.charge("minji", w.pay(w.order("minji")))
	c := w.channel()
	if name, data := c.open(c.token("minji"), everything, nil).next(); name != "next" || !strings.Contains(data, `"status":"PAID"`) {
		t.Errorf("what there is of a line does not fit: %s %s", name, data)
	}
	lookUps := "subscription { viewerTransactionAdded(after: 0) {" + repeat(30, " a#: order { status }") + "} }"
	l := c.open(c.token("minji"), lookUps, nil)
	name, data := l.next()
	if name != "next" || !strings.Contains(data, "An event has at most 150 fields, its lists as long as they may become.") {
		t.Errorf("want a refusal: %s %s", name, data)
	}
}

func TestAStreamIsCutAtAnEventThatTakesTooLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enter("minji", 1, "a line without an order")
	w.charge("minji", w.pay(w.order("minji")))
	w.must(w.db.Callback().Query().Before("gorm:query").Register("hang", func(tx *gorm.DB) {
		if tx.Statement.Table == "charge_orders" {
			<-tx.Statement.Context.Done() // as a database does that is out of breath
		}
	}))
	c := w.limitedChannel(gqlguard.Limits{Time: 50 * time.Millisecond}, gqlhttp.StreamOptions{})
	l := c.open(c.token("minji"), everything, nil)
	if seq := l.seq(); seq != 1 {
		t.Errorf("line %d", seq)
	}
	l.wantEnd()
	if lines := w.log.errors(); len(lines) > 0 || !strings.Contains(w.log.text.String(), "an event took too long") {
		t.Errorf("the log says %s", w.log.text.String())
	}
}

// The time that passes between events is no event's.
func TestAStreamMayBeSilentForLongerThanAnEventMayTake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.limitedChannel(gqlguard.Limits{Time: 50 * time.Millisecond}, gqlhttp.StreamOptions{Heartbeat: 100 * time.Millisecond})
	l := c.follow("minji", 0)
	for i := range 3 {
		for range 2 { // the second one comes after a silence
			if name, data := l.event(); name != "comment" {
				t.Fatalf("%s %s", name, data)
			}
		}
		w.enter("minji", 1, "once more")
		if seq := l.seq(); seq != i+1 {
			t.Errorf("line %d", seq)
		}
	}
}
