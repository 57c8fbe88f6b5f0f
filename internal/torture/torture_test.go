//go:build unix

package torture_test

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/json"
	"flag"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"pointcharge/internal/auth"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/longtest"
	"pointcharge/internal/sandbox"
	"pointcharge/internal/sandbox/fault"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "of all that is random; 0 draws one")
	ordersFlag = flag.Int("n", 0, "orders; 0 is a short run of 40, or 160 with LONG=1")
	rateFlag   = flag.String("rate", "0.3", "the share of requests, webhooks and payments at Iamport that meet a fault")
)

// run is one run of the torture.
type run struct {
	*testing.T

	seed             uint64
	orders           int
	users            int
	visitTimeout     time.Duration // how long a person stays at most
	dropLateWebhooks bool          // late webhooks are lost
	secret           []byte

	gateway      *sandbox.Sandbox
	gatewayURL   string
	postgres     *databasetest.Instance
	databaseURL  string // as the servers know it
	relay        *relay
	servers      []*server
	client       *client
	serviceToken string // a token of the shop's own backend
	journal      *journal
	gatewayLog   *logBuffer
	serverLog    *logBuffer
	ordersDone   atomic.Int64
	counts       chaosCounts
	clockFile    string    // holds by how much the last server's clock is wrong
	shopped      time.Time // when the last person had left
}

// TestNoPointIsLostDoubledOrForged is the torture; see doc.go.
func TestNoPointIsLostDoubledOrForged(t *testing.T) {
	t.Parallel()
	r := &run{T: t, seed: *seedFlag, orders: *ordersFlag, client: newClient(), journal: newJournal(), gatewayLog: &logBuffer{},
		serverLog: &logBuffer{}, secret: []byte(crand.Text() + crand.Text())}
	for r.seed == 0 {
		r.seed = rand.Uint64N(1_000_000)
	}
	r.visitTimeout = time.Minute
	if r.orders == 0 {
		r.orders, r.visitTimeout = longtest.Size(40, 160), 6*time.Second
	}
	r.users = min(500, r.orders/5+5)
	r.dropLateWebhooks = r.seed%2 == 1
	t.Logf("go test ./internal/torture -args -seed %d -n %d -rate %s -clock=%s -pgbouncer=%t -failover=%t -foreign %d", r.seed, r.orders, *rateFlag,
		*clockFlag, *pgbouncerFlag, *failOverFlag, *foreignFlag)

	// fsync=off only skips waiting for the disk. Full pages are written and commits are flushed to
	// the operating system, so a crashed process loses nothing; only a crashed machine would.
	r.postgres = databasetest.NewInstance(t, "-c", "fsync=off", "-c", "max_connections=200")
	r.databaseURL = r.serverDatabaseURL()
	binary := buildProgram(t, "pointcharge")
	label := crand.Text()
	pprof.Do(t.Context(), pprof.Labels("torture", label), func(ctx context.Context) { r.runAll(ctx, binary) })
	r.expectNoGoroutine(label)
}

// runAll starts all parts, runs the orders and the chaos, and ends all parts.
func (r *run) runAll(ctx context.Context, binary string) {
	began := time.Now()
	r.relay = newRelay()
	defer r.relay.close()
	r.gateway = sandbox.New(sandbox.Config{WebhookURL: r.relay.URL + "/webhooks/iamport",
		Log: slog.New(slog.NewTextHandler(r.gatewayLog, nil))})
	defer r.gateway.Close()
	front := httptest.NewServer(r.gateway)
	defer front.Close()
	r.gatewayURL = front.URL
	defer r.client.http.CloseIdleConnections()

	stop := r.startServers(binary)
	defer stop()
	if r.Failed() || !r.waitUntilReady(ctx) {
		return
	}
	started := time.Now()
	r.shopUnderChaos(ctx)
	r.shopped = time.Now()
	r.endChaos(ctx)
	dry := r.settle(ctx)
	r.logFigures(figures{start: started.Sub(began), shopping: r.shopped.Sub(started), dry: dry})
	r.saveLog("iamport.log", r.gatewayLog)
	r.saveLog("servers.log", r.serverLog)
}

// startServers starts three servers. stop stops the servers, and fails the test if a process or
// goroutine is left behind.
func (r *run) startServers(binary string) (stop func()) {
	env := []string{
		"MODE=sandbox", "DATABASE_URL=" + r.databaseURL, "IAMPORT_URL=" + r.gatewayURL, "PUBLIC_URL=" + r.relay.URL,
		"AUTH_HS256_SECRET=" + string(r.secret), "SWEEP_EVERY=1s", "SWEEP_GRACE=1s", "REFUNDS_EVERY=2s",
		"EXPIRE_ORDERS_EVERY=2s", "EXPIRE_POINTS_EVERY=5s", "RECONCILE_EVERY=5s",
		"PGOPTIONS=" + os.Getenv("PGOPTIONS"), // .ci/run makes every transaction serializable with it
	}
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	for number := range 3 {
		s := newServer(r.T, binary, env, r.serverLog)
		r.servers = append(r.servers, s)
		target := *r.parseURL(s.url())
		r.relay.targets = append(r.relay.targets, &target)
		if number == 2 && *clockFlag != "" {
			r.giveClock(s)
		}
		running.Go(func() { s.supervise(ctx) })
	}
	r.serviceToken = r.signToken("shop", auth.RoleService)
	return func() {
		cancel()
		running.Wait()
		r.expectNoServer()
	}
}

func (r *run) signToken(user string, role auth.Role) string {
	who := auth.Identity{UserID: user, Roles: []auth.Role{role}, ExpiresAt: time.Now().Add(24 * time.Hour)}
	token, err := auth.Sign(r.secret, who, "", "")
	if err != nil {
		r.Error(err)
	}
	return token
}

func (r *run) userToken(user string) string { return r.signToken(user, auth.RoleUser) }

// waitUntilReady waits until every server is ready.
func (r *run) waitUntilReady(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, s := range r.servers {
		for !isReady(ctx, r.client, s.url()) {
			if !pause(ctx, 50*time.Millisecond) {
				r.Errorf("%s does not become ready; the last lines are:\n%s", s.url(), strings.Join(r.serverLog.lastLines(20), "\n"))
				return false
			}
		}
	}
	return true
}

// shopUnderChaos runs all orders while faults and incidents happen.
func (r *run) shopUnderChaos(ctx context.Context) {
	plan := fault.Plan{Seed: r.faultSeed(), Rate: json.Number(*rateFlag),
		Rules: []fault.Rule{{Name: fault.CancelPending, Rate: json.Number(*rateFlag)}}}
	if err := r.gateway.SetFaults(plan); err != nil {
		r.Error(err)
	}
	chaos, cancel := context.WithCancel(ctx)
	var broken sync.WaitGroup
	broken.Go(func() { r.causeChaos(chaos) })
	var people errgroup.Group
	people.SetLimit(48)
	for number := range r.orders {
		people.Go(func() error {
			ctx, leave := context.WithTimeout(ctx, r.visitTimeout)
			defer leave()
			r.newShopper(ctx, number).buyPoints()
			r.ordersDone.Add(1)
			return nil
		})
	}
	_ = people.Wait() // all return nil
	cancel()
	broken.Wait()
}

// faultSeed returns the seed. A short run gets a seed under which Iamport's clock is not fast: a
// short run cannot wait some minutes for payments that no list shows before their stated time.
func (r *run) faultSeed() uint64 {
	if *ordersFlag == 0 && r.seed/15%2 == 0 {
		return r.seed + 15
	}
	return r.seed
}

// endChaos ends the faults. Postponed effects happen now; with dropLateWebhooks the late webhooks
// are lost.
func (r *run) endChaos(ctx context.Context) {
	if err := r.gateway.SetFaults(fault.Plan{}); err != nil {
		r.Error(err)
	}
	r.waitUntilReady(ctx)
	r.relay.cut.Store(r.dropLateWebhooks)
	r.gateway.Flush()
	r.gateway.Wait()
}

// saveLog saves a log, for go test -artifacts.
func (r *run) saveLog(name string, log *logBuffer) {
	if err := os.WriteFile(filepath.Join(r.ArtifactDir(), name), log.bytes(), 0o600); err != nil {
		r.Error(err)
	}
}

// expectNoServer fails for processes of the servers, and for their sessions in the database.
func (r *run) expectNoServer() {
	for _, s := range r.servers {
		if s.err != nil {
			r.Errorf("a server did not stop well: %v; the last lines are:\n%s", s.err, strings.Join(r.serverLog.lastLines(20), "\n"))
		}
		if left := s.livingPIDs(); len(left) > 0 {
			r.Errorf("the processes %d are left", left)
		}
	}
	if n := r.serverLog.countLines("panic"); n > 0 {
		r.Errorf("servers have panicked:\n%s", strings.Join(r.serverLog.linesWith(20, "panic"), "\n"))
	}
	r.expectNoSession()
}

// expectNoGoroutine fails for goroutines of the run that do not end within 20 seconds.
func (r *run) expectNoGoroutine(label string) {
	ctx, cancel := context.WithTimeout(r.Context(), 20*time.Second)
	defer cancel()
	for left := stacksWithLabel(label); left != ""; left = stacksWithLabel(label) {
		if !pause(ctx, 20*time.Millisecond) {
			r.Errorf("goroutines are left:\n%s", left)
			return
		}
	}
}

// stacksWithLabel returns the stacks of goroutines with the label, which a goroutine inherits from
// the parent.
func stacksWithLabel(label string) string {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return err.Error()
	}
	var ours []string
	for stack := range strings.SplitSeq(profile.String(), "\n\n") {
		if strings.Contains(stack, label) {
			ours = append(ours, stack)
		}
	}
	return strings.Join(ours, "\n\n")
}
