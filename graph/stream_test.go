package graph_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/feed"
	"pointcharge/internal/gqlhttp"
)

func TestAStreamBringsTheViewersLinesThatAnotherServerWrites(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		w := newWorldOn(t, db)
		w.addLines("minji", 2, "before")
		minji, junho := w.newStreamServer().subscribe("minji"), w.newStreamServer().subscribe("junho")
		w.addLines("junho", 1, "a stranger's")
		w.charge("minji", w.pay(w.order("minji")))
		if name, data := minji.next(); name != "next" || data != `{"data":{"viewerTransactionAdded":{"seq":3,"kind":"CHARGE","amount":5000}}}` {
			t.Errorf("%s %s", name, data)
		}
		if seq := junho.seq(); seq != 1 {
			t.Errorf("the other's first line is %d", seq)
		}
		w.addLines("minji", 1, "once more")
		if seq := minji.seq(); seq != 4 { // line 3 came once
			t.Errorf("line %d after 3", seq)
		}
	})
}

func TestNothingIsLostOrRepeatedByCuts(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		w := newWorldOn(t, db)
		c := w.newStreamServer()
		const lines = 130 // more than are read at once, twice
		written := make(chan struct{})
		go func() { defer close(written); w.addLines("minji", lines, "burst") }()
		seen := 0
		c.eventually("the first line is there", func() bool {
			newest, err := w.points.NewestSeqs(t.Context(), []string{"minji"})
			return err == nil && newest["minji"] > 0
		})
		for seen < lines {
			l := c.subscribe("minji", seen)
			for range min(lines-seen, 1+random.IntN(60)) {
				if seq := l.seq(); seq != seen+1 {
					t.Fatalf("line %d after %d", seq, seen)
				}
				seen++
			}
			l.Body.Close()
		}
		<-written
	})
}

func TestHeartbeatsKeepAStreamBeyondTheServersDeadlines(t *testing.T) {
	t.Parallel()
	const deadline = 50 * time.Millisecond
	w := newWorld(t)
	c := w.newStreamServer(func(_ *feed.Config, pace *gqlhttp.StreamOptions, server *http.Server) {
		pace.Heartbeat, server.ReadTimeout, server.WriteTimeout = deadline/5, deadline, deadline
	})
	l := c.subscribe("minji")
	for begun := time.Now(); time.Since(begun) < 5*deadline; {
		if name, data := l.event(); name != "comment" {
			t.Fatalf("%s %s", name, data)
		}
	}
	w.addLines("minji", 1, "late")
	if seq := l.seq(); seq != 1 {
		t.Errorf("line %d", seq)
	}
}

func TestAStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.addLines("minji", 1, "before")
	token, err := auth.Sign([]byte(authSecret), auth.Identity{UserID: "minji", ExpiresAt: time.Now().Add(2 * time.Second)}, issuer, audience)
	w.must(err)
	l := w.newStreamServer().open(token, lineSubscription, map[string]any{"after": 0})
	if seq := l.seq(); seq != 1 {
		t.Errorf("line %d", seq)
	}
	l.wantRefusal(apierror.Unauthenticated)
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.newStreamServer(func(config *feed.Config, _ *gqlhttp.StreamOptions, _ *http.Server) {
		config.PerUser, config.Total = 2, 3
	})
	status := func(user string) int {
		l := c.open(c.token(user), lineSubscription, nil)
		if l.StatusCode != http.StatusOK {
			l.lines.Scan()
			if l.Header.Get("Content-Type") != "application/json" || l.Header.Get("Retry-After") != "10" ||
				!strings.Contains(l.lines.Text(), `"extensions":{"code":"RATE_LIMITED","retryAfter":10}`) {
				t.Errorf("refused with %v %s", l.Header, l.lines.Text())
			}
			l.Body.Close()
		}
		return l.StatusCode
	}
	first := c.subscribe("minji")
	c.subscribe("minji")
	if got := status("minji"); got != http.StatusTooManyRequests {
		t.Errorf("the user's third stream: %d", got)
	}
	c.subscribe("junho")
	if got := status("seoyeon"); got != http.StatusTooManyRequests {
		t.Errorf("the server's fourth stream: %d", got)
	}
	first.Body.Close()
	c.eventually("who leaves makes room", func() bool { return status("minji") == http.StatusOK })
}

func TestStreamsEndWithTheirServer(t *testing.T) {
	t.Parallel()
	c := newWorld(t).newStreamServer()
	l := c.subscribe("minji")
	c.feed.Close()
	l.wantEnd() // without being complete, so that the client continues
	if again := c.open(c.token("minji"), lineSubscription, nil); again.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a stream after the end: %d", again.StatusCode)
	}
}

func TestASlowReaderIsCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.newStreamServer(func(config *feed.Config, pace *gqlhttp.StreamOptions, server *http.Server) {
		config.PerUser, pace.WriteTimeout = 1, 100*time.Millisecond
		server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
			w.must(conn.(*net.TCPConn).SetWriteBuffer(4096))
			return ctx
		}
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	w.must(err)
	defer conn.Close()
	w.must(conn.(*net.TCPConn).SetReadBuffer(4096))
	wide := "seq"
	for i := range 25 {
		wide += fmt.Sprintf(" a%d:description", i)
	}
	query := `{"query":"subscription{viewerTransactionAdded(after:0){` + wide + `}}"}`
	w.addLines("minji", 100, strings.Repeat("한", 200)) // 1.5 MB in all
	_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		c.token("minji"), len(query), query)
	w.must(err)
	_, err = conn.Read(make([]byte, 100)) // the stream has begun; the rest is not read
	w.must(err)
	c.eventually("the reader is cut", func() bool {
		l := c.open(c.token("minji"), lineSubscription, nil)
		defer l.Body.Close()
		return l.StatusCode == http.StatusOK
	})
}
