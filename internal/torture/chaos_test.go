//go:build unix

package torture_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// misfortunes are what befell the servers.
type misfortunes struct {
	kills, crashes, restarts int
	down                     time.Duration // how long Iamport was
	flushed                  int           // late webhooks, payments, deposits and cancellations that came while people paid
	decided                  atomic.Int64  // what operators decided
}

// chaos kills servers until ctx ends, and lets each other misfortune happen when so much of the orders is done, or at
// the end.
func (r *run) chaos(ctx context.Context) {
	var all sync.WaitGroup
	random := rand.New(rand.NewPCG(r.seed, 1<<40))
	all.Go(func() { r.killServers(ctx, random) })
	all.Go(func() { r.breakThings(ctx) })
	for i, name := range []string{"sora", "junho", "hana"} {
		all.Go(func() { r.operate(ctx, name, uint64(i)) })
	}
	if !r.deaf {
		all.Go(func() { r.flushNowAndThen(ctx) })
	}
	all.Wait()
}

// killServers kills a random one every two to four seconds, in a short run sooner.
func (r *run) killServers(ctx context.Context, random *rand.Rand) {
	every := min(2*time.Second, time.Duration(r.orders)*5*time.Millisecond)
	for pause(ctx, every+time.Duration(random.Int64N(int64(every)))) {
		select {
		case r.servers[random.IntN(len(r.servers))].kill <- time.Duration(random.Int64N(int64(every / 2))):
			r.fate.kills++
		case <-ctx.Done(): // it is starting, or being killed
		}
	}
}

// breakThings waits for progress, so that each thing breaks while people pay, however fast they are.
func (r *run) breakThings(ctx context.Context) {
	for _, step := range []struct {
		percent int
		do      func() error
	}{
		{25, func() error { r.fate.crashes++; return r.postgres.Crash() }},
		{45, func() error { r.goDown(ctx); return nil }},
		{70, func() error { r.fate.restarts++; return r.postgres.Restart() }},
	} {
		for int(r.done.Load())*100 < step.percent*r.orders && pause(ctx, 20*time.Millisecond) {
		}
		if err := step.do(); err != nil {
			r.Error(err)
		}
	}
}

// goDown takes Iamport down for a while.
func (r *run) goDown(ctx context.Context) {
	began := time.Now()
	r.gateway.Down(true)
	pause(ctx, min(time.Minute, time.Second+time.Duration(r.orders)*5*time.Millisecond))
	r.gateway.Down(false)
	r.fate.down += time.Since(began)
}

// flushNowAndThen lets an hour pass at Iamport: what comes late comes.
func (r *run) flushNowAndThen(ctx context.Context) {
	for pause(ctx, min(5*time.Second, time.Duration(r.orders)*20*time.Millisecond)) {
		r.fate.flushed += r.gateway.Flush()
	}
}
