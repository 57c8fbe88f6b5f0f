package charge_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"pointcharge/internal/charge"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/iamport"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// TestChildRefunds is the process that the tests below kill: it refunds what its environment says.
func TestChildRefunds(t *testing.T) {
	t.Parallel()
	chargeID := os.Getenv("POINT_TEST_REFUND")
	if chargeID == "" {
		t.Skip("only as a child of TestAKilledRefundConverges")
	}
	client := iamport.New(iamport.Config{URL: os.Getenv("POINT_TEST_GATEWAY"), Key: "k", Secret: "s", IncludeSandbox: true})
	s := domaintest.NewServices(databasetest.Open(t, os.Getenv("POINT_TEST_DATABASE")), client)
	if _, err := s.Refund(t.Context(), domaintest.RefundOf(point.Transaction{ID: chargeID}, 1000, "r-1")); err != nil {
		t.Fatal(err)
	}
}

// crash is a world on PostgreSQL whose refund is made by another process, with a proxy between
// that and the database and a domaintest.Front between it and the gateway. The child commits when
// it has synced, when it has held and when it has merged the gateway's answer.
type crash struct {
	*world
	*domaintest.Front
	proxy    *databasetest.Proxy
	url      string // the gateway's
	credited point.Transaction
	calls    atomic.Int64 // to cancel, answered or not
}

const (
	syncCommit = iota
	holdCommit
	mergeCommit
)

// commit lets the child's first commits go and returns the fault for the one that counts.
func (c *crash) commit(which int, arm func(*databasetest.Proxy) *databasetest.Fault) <-chan struct{} {
	for range which {
		c.proxy.HoldCommit().Release()
	}
	return arm(c.proxy).Reached
}

// cancelCall stops the child's call to cancel at the gateway's door, or on its way back.
func (c *crash) cancelCall(effect bool) <-chan struct{} {
	reached := make(chan struct{})
	c.OnCancel(func(_ http.ResponseWriter, r *http.Request) {
		c.calls.Add(1)
		body(c.T, r)
		if effect {
			c.world.Sandbox.ServeHTTP(httptest.NewRecorder(), r)
		}
		close(reached)
		<-r.Context().Done() // until the child is dead
	})
	return reached
}

func newCrash(t *testing.T) *crash {
	t.Helper()
	database := databasetest.URL(t, databasetest.Postgres)
	gateway := sandbox.New(sandbox.Config{})
	t.Cleanup(gateway.Close)
	f := &domaintest.Front{Sandbox: gateway}
	w := newWorldBehind(t, databasetest.Open(t, database), "sandbox", gateway, f)
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	c := &crash{world: w, Front: f, proxy: databasetest.NewProxy(t, database), url: server.URL, credited: w.Charged()}
	c.OnCancel(func(rw http.ResponseWriter, r *http.Request) {
		c.calls.Add(1)
		gateway.ServeHTTP(rw, r)
	})
	return c
}

// kill starts the child and kills it when it has come to the gap.
func (c *crash) kill(gap <-chan struct{}) {
	c.Helper()
	child := exec.CommandContext(c.Context(), os.Args[0], "-test.run=^TestChildRefunds$", "-test.v")
	child.Env = append(os.Environ(), "POINT_TEST_REFUND="+c.credited.ID, "POINT_TEST_GATEWAY="+c.url, "POINT_TEST_DATABASE="+c.proxy.URL)
	child.Stdout, child.Stderr = c.Output(), c.Output()
	c.Must(child.Start())
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	select {
	case <-gap:
	case err := <-ended:
		c.Fatalf("the child did not come to the gap: %v", err)
	}
	c.Must(child.Process.Kill())
	<-ended
	c.proxy.Cut() // what the proxy still holds dies with the child
}

// TestAKilledRefundConverges kills the process in every gap of a refund. The next Sync, or the
// first one after a while, brings money, points and refund together, and the gateway is asked
// once at most.
func TestAKilledRefundConverges(t *testing.T) {
	t.Parallel()
	hold, answer := (*databasetest.Proxy).HoldCommit, (*databasetest.Proxy).HoldAnswer
	for name, c := range map[string]struct {
		gap   func(c *crash) <-chan struct{}
		calls int64
		done  bool // the money is back
		held  bool // the next Sync cannot know yet
	}{
		"before it held":           {gap: func(c *crash) <-chan struct{} { return c.commit(holdCommit, hold) }},
		"held, before the call":    {gap: func(c *crash) <-chan struct{} { return c.commit(holdCommit, answer) }, held: true},
		"the call did not arrive":  {gap: func(c *crash) <-chan struct{} { return c.cancelCall(false) }, calls: 1, held: true},
		"the call had its effect":  {gap: func(c *crash) <-chan struct{} { return c.cancelCall(true) }, calls: 1, done: true},
		"answered, before the end": {gap: func(c *crash) <-chan struct{} { return c.commit(mergeCommit, hold) }, calls: 1, done: true},
		"at the end":               {gap: func(c *crash) <-chan struct{} { return c.commit(mergeCommit, answer) }, calls: 1, done: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newCrash(t)
			w.kill(c.gap(w))
			if n := w.calls.Load(); n != c.calls {
				t.Fatalf("%d calls to cancel, want %d", n, c.calls)
			}
			w.MustSync(*w.credited.ImpUID)
			if c.held {
				w.wantRefund(w.credited, "r-1", charge.RefundHeld)
				w.WantSpendable(domaintest.Full - 1100)
				clock := &domaintest.Clock{At: time.Now().Add(patience)}
				w.Now = clock.Now
				w.MustSync(*w.credited.ImpUID)
				w.wantRefund(w.credited, "r-1", charge.RefundReleased)
			}
			points := int64(domaintest.Full)
			if c.done {
				points -= 1100
				w.wantRefund(w.credited, "r-1", charge.RefundDone)
			}
			w.WantBalance("minji", points)
			w.WantSpendable(points)
			if n := w.Count("refunds", "1 = 1"); n == 1 != (c.held || c.done) {
				t.Fatalf("%d refunds are written", n)
			}
			if n := w.calls.Load(); n != c.calls {
				t.Fatalf("%d calls to cancel, want %d", n, c.calls)
			}
		})
	}
}
