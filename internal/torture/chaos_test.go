//go:build unix

package torture_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// chaosCounts are what befell the servers.
type chaosCounts struct {
	kills, crashes, restarts int
	down                     time.Duration // how long Iamport was
	flushedTasks                  int           // late webhooks, payments, deposits and cancellations that came while people paid
	decided                  atomic.Int64  // what operators decided
}

// causeChaos kills servers until ctx ends, and lets each other misfortune happen when so much of the orders is done, or at
// the end.
func (r *run) causeChaos(ctx context.Context) {
	var all sync.WaitGroup
	random := rand.New(rand.NewPCG(r.seed, 1<<40))
	all.Go(func() { r.killServers(ctx, random) })
	all.Go(func() { r.breakByProgress(ctx) })
	for i, name := range []string{"sora", "junho", "hana"} {
		all.Go(func() { r.workAsOperator(ctx, name, uint64(i)) })
	}
	if !r.dropLateWebhooks {
		all.Go(func() { r.flushGateway(ctx) })
	}
	all.Wait()
}

// killServers kills a random one every two to four seconds, in a short run sooner.
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

// breakByProgress waits for progress, so that each thing breaks while people pay, however fast they are.
func (r *run) breakByProgress(ctx context.Context) {
	for _, step := range []struct {
		percent int
		do      func() error
	}{
		{25, func() error { r.counts.crashes++; return r.postgres.Crash() }},
		{45, func() error { r.takeGatewayDown(ctx); return nil }},
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

// flushGateway lets an hour pass at Iamport: what comes late comes.
func (r *run) flushGateway(ctx context.Context) {
	for pause(ctx, min(5*time.Second, time.Duration(r.orders)*20*time.Millisecond)) {
		r.counts.flushedTasks += r.gateway.Flush()
	}
}
