package graph_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"pointcharge/graph"
	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/feed"
	"pointcharge/internal/gqlhttp"
	"pointcharge/internal/point"
)

// streamServer serves streams of the world's books. Several of them are like several processes.
type streamServer struct {
	*world
	feed *feed.Feed
	url  string
}

// tune changes a server of streams before it starts.
type tune func(*feed.Config, *gqlhttp.StreamOptions, *http.Server)

func (w *world) newStreamServer(tunes ...tune) *streamServer {
	w.Helper()
	log := slog.New(slog.NewJSONHandler(w.log, nil))
	config := feed.Config{Log: log, Poll: 5 * time.Millisecond,
		Points: point.New(w.db)} // as of a server other than the one that writes
	var pace gqlhttp.StreamOptions
	server := httptest.NewUnstartedServer(nil)
	for _, change := range tunes {
		change(&config, &pace, server.Config)
	}
	c := &streamServer{world: w, feed: feed.New(config)}
	resolver := &graph.Resolver{Points: config.Points, Charges: w.points.Charges, Log: log, Feed: c.feed}
	server.Config.Handler = auth.NewHS256([]byte(authSecret), issuer, audience).Middleware(resolver.StreamHandler(pace))
	server.Start()
	w.Cleanup(server.Close)
	w.Cleanup(c.feed.Close) // first: the server waits for its requests
	c.url = server.URL
	return c
}

// addLines writes lines of one user, all with the same reason.
func (w *world) addLines(user string, lines int, reason string) {
	w.Helper()
	for range lines {
		id := fmt.Sprint(time.Now().UnixNano())
		_, err := w.points.Adjust(w.Context(), point.AdjustInput{UserID: user, Amount: 1, Reference: id, Reason: reason, Actor: domaintest.Sora()})
		if err != nil {
			w.Errorf("write a line: %v", err)
		}
	}
}

const lineSubscription = `subscription($after: Int) { viewerTransactionAdded(after: $after) { seq kind amount } }`

// listener is a client of a stream.
type listener struct {
	*testing.T
	*http.Response
	lines *bufio.Scanner
}

// open opens a stream, and returns when it is refused or confirmed.
func (c *streamServer) open(token, query string, variables map[string]any) *listener {
	c.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	c.must(err)
	return c.send(http.MethodPost, token, string(body))
}

// get opens a stream by GET, with the operation in the address.
func (c *streamServer) get(token string) *listener {
	c.Helper()
	return c.send(http.MethodGet, token, "")
}

func (c *streamServer) send(method, token, body string) *listener {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 30*time.Second) // a stream that works ends earlier
	c.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, method, c.url, strings.NewReader(body))
	c.must(err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	c.must(err)
	c.Cleanup(func() { response.Body.Close() })
	return &listener{c.T, response, bufio.NewScanner(response.Body)}
}

// subscribe opens a stream of the user's lines and fails if it is refused.
func (c *streamServer) subscribe(user string, after ...int) *listener {
	c.Helper()
	variables := map[string]any{}
	if len(after) > 0 {
		variables["after"] = after[0]
	}
	l := c.open(c.token(user), lineSubscription, variables)
	if kind := l.Header.Get("Content-Type"); l.StatusCode != http.StatusOK || kind != "text/event-stream" {
		c.Fatalf("%d %s", l.StatusCode, kind)
	}
	return l
}

// event returns the next event, "comment" for a comment, or "end" when the stream was cut.
func (l *listener) event() (name, data string) {
	for l.lines.Scan() {
		switch line := l.lines.Text(); {
		case line == ":":
			name = "comment"
		case line == "" && name != "":
			return name, data
		case strings.HasPrefix(line, "event: "):
			name = strings.TrimPrefix(line, "event: ")
		case strings.HasPrefix(line, "data:"):
			data = strings.TrimSpace(strings.TrimPrefix(line, "data:"))
		case line != "":
			l.Errorf("no event: %q", line)
		}
	}
	return "end", ""
}

// next returns the next event and skips comments.
func (l *listener) next() (name, data string) {
	for name = "comment"; name == "comment"; {
		name, data = l.event()
	}
	return name, data
}

// seq returns the number of the next line.
func (l *listener) seq() int {
	l.Helper()
	var result struct {
		Data struct{ ViewerTransactionAdded struct{ Seq int } }
	}
	name, data := l.next()
	if err := json.Unmarshal([]byte(data), &result); name != "next" || err != nil {
		l.Fatalf("want a line: %s %s", name, data)
	}
	return result.Data.ViewerTransactionAdded.Seq
}

// wantEnd fails unless the stream ends without another event, and without being complete.
func (l *listener) wantEnd() {
	l.Helper()
	if name, data := l.next(); name != "end" {
		l.Errorf("want the end: %s %s", name, data)
	}
}

// wantRefusal fails unless the only result is an error with the code and without data.
func (l *listener) wantRefusal(code apierror.Code) {
	l.Helper()
	name, data := l.next()
	if want := fmt.Sprintf("%q:%q", "code", code); name != "next" || !strings.Contains(data, want) || strings.Contains(data, `"data"`) {
		l.Errorf("want %s: %s %s", want, name, data)
	}
	if name, data = l.next(); name != "complete" || data != "" {
		l.Errorf("want it complete: %s %q", name, data)
	}
	l.wantEnd()
}

// eventually repeats a check until it succeeds.
func (c *streamServer) eventually(what string, is func() bool) {
	c.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); runtime.Gosched() {
		if time.Now().After(deadline) {
			c.Fatalf("not so after 20 seconds: %s", what)
		}
	}
}
