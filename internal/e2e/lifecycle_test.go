package e2e

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"pointcharge/internal/sandbox"
)

func TestTwoServersStartAtOnceOnAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	eachEmptyDatabase(t, func(t *testing.T, database string) {
		servers := make([]*visitor, 2)
		var starting sync.WaitGroup
		for i := range servers {
			servers[i] = &visitor{program: start(t, sandboxOn(database)), env: sandboxOn(database)}
		}
		for _, s := range servers {
			starting.Go(func() { s.url, s.token = s.printed(`listens on (\S+)`), s.printed(`token +(\S+)\n`) })
		}
		starting.Wait()
		for _, s := range servers { // each on its own sandbox, both on the same books
			s.newClient()
			s.wantCode(s.charge(s.token, s.pay(s.buy(s.token, "points-5000").MerchantUID, 5_000)), "")
		}
		servers[0].wantBalance(servers[0].token, 10_000)
	})
}

// slowGateway is a sandbox that holds look-ups of payments until the test's release.
type slowGateway struct {
	*sandbox.Sandbox
	url               string
	reached, released chan struct{}
	release           func()
}

func newSlowGateway(t *testing.T) *slowGateway {
	t.Helper()
	g := &slowGateway{Sandbox: sandbox.New(sandbox.Config{}), reached: make(chan struct{}, 100), released: make(chan struct{})}
	g.release = sync.OnceFunc(func() { close(g.released) })
	server := httptest.NewServer(g)
	t.Cleanup(g.Close)
	t.Cleanup(server.Close)
	t.Cleanup(g.release) // first: callers that wait for an answer must get one
	g.url = server.URL
	return g
}

func (g *slowGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/payments/imp_") {
		g.reached <- struct{}{}
		<-g.released
	}
	g.Sandbox.ServeHTTP(w, r)
}

func TestStopWaitsForRequestsInFlightAndTakesNoNewOnes(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, database string) {
		gateway := newSlowGateway(t)
		s := openShop(t, sandboxOn(database).with(environment{"IAMPORT_URL": gateway.url}))
		impUID := gateway.Put(sandbox.Payment{MerchantUID: s.buy(s.token, "points-5000").MerchantUID, Amount: "5000", Sandbox: true}).ImpUID
		var inFlight sync.WaitGroup
		inFlight.Go(func() { s.wantCode(s.charge(s.token, impUID), "") })
		<-gateway.reached
		s.cancel()
		s.wantRefused()
		select {
		case <-s.ended:
			t.Error("it did not wait for the request in flight")
		default:
		}
		gateway.release()
		inFlight.Wait()
		s.wait()
		if s.err != nil || !strings.Contains(s.stdout.text(), "stopped") {
			t.Errorf("it ended with %v:\n%s", s.err, s.stdout.text())
		}
		again := openShop(t, sandboxOn(database))
		again.wantBalance(again.token, 5_000)
	})
}

// wantRefused dials until the server no longer listens.
func (s *visitor) wantRefused() {
	s.Helper()
	for deadline := time.Now().Add(testTimeout); ; {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			s.Fatal("it still takes connections")
		}
	}
}

func TestAnAddressInUseEndsTheStart(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	env := sandboxOn("file:" + t.TempDir() + "/test.db").with(environment{"ADDR": listener.Addr().String()})
	if _, err := finish(t, env); err == nil || isUsageError(err) {
		t.Errorf("it ended with %v", err)
	}
}

func TestADatabaseThatDoesNotAnswerEndsTheStart(t *testing.T) {
	t.Parallel()
	_, err := finish(t, sandboxOn("postgres://user:secret-password@127.0.0.1:1/nowhere"))
	if err == nil || isUsageError(err) || strings.Contains(err.Error(), "secret-password") {
		t.Errorf("it ended with %v", err)
	}
}

func TestADatabaseServesOneMode(t *testing.T) {
	t.Parallel()
	eachEmptyDatabase(t, func(t *testing.T, database string) {
		openShop(t, sandboxOn(database)).stop()
		for range 2 {
			_, err := finish(t, liveOn(database))
			if err == nil || isUsageError(err) || !strings.Contains(err.Error(), "belongs to sandbox mode") {
				t.Errorf("live mode ended with %v", err)
			}
		}
		openShop(t, sandboxOn(database))
	})
}

func TestARestartKeepsTheBooksAndTheShop(t *testing.T) {
	t.Parallel()
	eachEmptyDatabase(t, func(t *testing.T, database string) {
		s := openShop(t, sandboxOn(database))
		s.wantCode(s.charge(s.token, s.pay(s.buy(s.token, "points-5000").MerchantUID, 5_000)), "")
		s.ask(s.tokenFor("boss", "-role", "admin"), `mutation { upsertChargeProduct(input: {id: "points-5000", name: "dearer", price: 6000, points: 5000}) { id } }`)
		s.client.CloseIdleConnections()
		s.stop()
		s = openShop(t, sandboxOn(database))
		s.wantBalance(s.token, 5_000)
		if amount := s.buy(s.token, "points-5000").Checkout["amount"]; amount != 6_000.0 {
			t.Errorf("the product costs %v, want 6000: the start has put it back", amount)
		}
	})
}
