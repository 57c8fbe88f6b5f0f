//go:build unix

package torture_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// chaosCounts counts what happened to the servers and the gateway.
type chaosCounts struct {
	kills, crashes, restarts int
	jumps, failOvers         int
	undone                   int           // expiries, undone by an operator
	futureRefunds            int           // let go by an operator, because a clock that was ahead dated them
	down                     time.Duration // how long Iamport was down
	flushedTasks             int           // late webhooks, payments, deposits and cancellations during the orders
	decided                  atomic.Int64  // by operators
}

// causeChaos kills servers until ctx ends. Each other incident happens at its share of the orders,
// or at the end.
func (r *run) causeChaos(ctx context.Context) {
	var all sync.WaitGroup
	random := rand.New(rand.NewPCG(r.seed, 1<<40))
	all.Go(func() { r.killServers(ctx, random) })
	all.Go(func() { r.breakByProgress(ctx) })
	all.Go(func() { r.moveClock(ctx) })
	for i, name := range []string{"sora", "junho", "hana"} {
		all.Go(func() { r.workAsOperator(ctx, name, uint64(i)) })
	}
	if !r.dropLateWebhooks {
		all.Go(func() { r.flushGateway(ctx) })
	}
	all.Wait()
}

// killServers kills a random server every two to four seconds, sooner in a short run.
func (r *run) killServers(ctx context.Context, random *rand.Rand) {
	every := min(2*time.Second, time.Duration(r.orders)*5*time.Millisecond)
	for pause(ctx, every+time.Duration(random.Int64N(int64(every)))) {
		select {
		case r.servers[random.IntN(len(r.servers))].kill <- time.Duration(random.Int64N(int64(every / 2))):
			r.counts.kills++
		case <-ctx.Done(): // it is starting, or being killed
		}
	}
}

// breakByProgress ties each incident to the progress, so that incidents happen while people pay, at
// any speed.
func (r *run) breakByProgress(ctx context.Context) {
	for _, step := range []struct {
		percent int
		do      func() error
	}{
		{25, func() error { r.counts.crashes++; return r.postgres.Crash() }},
		{35, func() error { return r.failOver(ctx, true) }},
		{45, func() error { r.takeGatewayDown(ctx); return nil }},
		{60, func() error { return r.failOver(ctx, false) }},
		{70, func() error { r.counts.restarts++; return r.postgres.Restart() }},
	} {
		for int(r.ordersDone.Load())*100 < step.percent*r.orders && pause(ctx, 20*time.Millisecond) {
		}
		if err := step.do(); err != nil {
			r.Error(err)
		}
	}
}

// takeGatewayDown takes Iamport down for a while.
func (r *run) takeGatewayDown(ctx context.Context) {
	began := time.Now()
	r.gateway.Down(true)
	pause(ctx, min(time.Minute, time.Second+time.Duration(r.orders)*5*time.Millisecond))
	r.gateway.Down(false)
	r.counts.down += time.Since(began)
}

// flushGateway runs the postponed effects of faults, again and again.
func (r *run) flushGateway(ctx context.Context) {
	for pause(ctx, min(5*time.Second, time.Duration(r.orders)*20*time.Millisecond)) {
		r.counts.flushedTasks += r.gateway.Flush()
	}
}
