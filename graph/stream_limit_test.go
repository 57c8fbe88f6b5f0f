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

// newLimitedStreamServer serves streams with limits and times of their own.
func (w *world) newLimitedStreamServer(limits gqlguard.Limits, pace gqlhttp.StreamOptions) *streamServer {
	w.Helper()
	c := w.newStreamServer()
	resolver := &graph.Resolver{Points: point.New(w.db), Charges: w.points.Charges, Log: slog.New(slog.NewJSONHandler(w.log, nil)), Feed: c.feed, Limits: limits}
	server := httptest.NewServer(auth.NewHS256([]byte(authSecret), issuer, audience).Middleware(resolver.StreamHandler(pace)))
	w.Cleanup(server.Close)
	w.Cleanup(c.feed.Close) // first: the server waits for its requests
	c.url = server.URL
	return c
}

const wholeLineSubscription = `subscription { viewerTransactionAdded(after: 0) { id seq kind amount balanceAfter impUid description createdAt
	order { merchantUid status price points } sources { reason amount } } }`

func TestAnEventIsCheaperThanAnAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.charge("minji", w.pay(w.order("minji")))
	c := w.newStreamServer()
	if name, data := c.open(c.token("minji"), wholeLineSubscription, nil).next(); name != "next" || !strings.Contains(data, `"status":"PAID"`) {
		t.Errorf("what there is of a line does not fit: %s %s", name, data)
	}
	lookUps := "subscription { viewerTransactionAdded(after: 0) {" + repeatNumbered(30, " a#: order { status price }") + "} }"
	l := c.open(c.token("minji"), lookUps, nil)
	name, data := l.next()
	if name != "next" || !strings.Contains(data, "An event has at most 150 fields, its lists as long as they may become.") {
		t.Errorf("want a refusal: %s %s", name, data)
	}
}

func TestAStreamIsCutAtAnEventThatTakesTooLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.addLines("minji", 1, "a line without an order")
	w.charge("minji", w.pay(w.order("minji")))
	w.must(w.db.Callback().Query().Before("gorm:query").Register("hang", func(tx *gorm.DB) {
		if tx.Statement.Table == "charge_orders" {
			<-tx.Statement.Context.Done() // as an overloaded database does
		}
	}))
	c := w.newLimitedStreamServer(gqlguard.Limits{Time: 50 * time.Millisecond}, gqlhttp.StreamOptions{})
	l := c.open(c.token("minji"), wholeLineSubscription, nil)
	if seq := l.seq(); seq != 1 {
		t.Errorf("line %d", seq)
	}
	l.wantEnd()
	if lines := w.log.errors(); len(lines) > 0 || !strings.Contains(w.log.text.String(), "an event took too long") {
		t.Errorf("the log says %s", w.log.text.String())
	}
}

// The time between two events does not count as time of an event.
func TestAStreamMayBeSilentForLongerThanAnEventMayTake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.newLimitedStreamServer(gqlguard.Limits{Time: 50 * time.Millisecond}, gqlhttp.StreamOptions{Heartbeat: 100 * time.Millisecond})
	l := c.subscribe("minji", 0)
	for i := range 3 {
		for range 2 { // the second one is a heartbeat
			if name, data := l.event(); name != "comment" {
				t.Fatalf("%s %s", name, data)
			}
		}
		w.addLines("minji", 1, "once more")
		if seq := l.seq(); seq != i+1 {
			t.Errorf("line %d", seq)
		}
	}
}
