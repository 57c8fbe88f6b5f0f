package main

import (
	"context"
	"errors"
	"fmt"

	"pointcharge/internal/config"
	"pointcharge/internal/point"
	"pointcharge/internal/schedule"
)

// jobs is what runs beside the requests, on any number of servers.
func jobs(cfg config.Config, points *point.Service) []schedule.Job {
	drained := func(do func(context.Context, int) (int, error)) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := drain(ctx, do)
			return err
		}
	}
	return []schedule.Job{
		{Name: "sweep", Every: cfg.SweepEvery, Run: drained(points.Sweep)},
		{Name: "expire-orders", Every: cfg.ExpireOrdersEvery, Run: drained(points.ExpireOrders)},
		{Name: "expire-points", Every: cfg.ExpirePointsEvery, Run: drained(points.Expire)},
		{Name: "refunds", Every: cfg.RefundsEvery, Run: func(ctx context.Context) error {
			_, err := points.SyncRefunds(ctx, refundsAtOnce)
			return err
		}},
		{Name: "reconcile", Every: cfg.ReconcileEvery, Run: func(ctx context.Context) error {
			_, err := points.ReconcileDue(ctx)
			return err
		}},
	}
}

const (
	// atOnce is how many rows a job takes in one go.
	atOnce = 500
	// maxRounds is how often it does so in one run: a row that fails may be due again at once.
	maxRounds = 200
)

// drain calls do until it finds less than it may take, and returns how much it found in all. A failure of one round
// does not keep the next from going on.
func drain(ctx context.Context, do func(ctx context.Context, limit int) (int, error)) (found int, err error) {
	var first error
	for range maxRounds {
		n, err := do(ctx, atOnce)
		found += n
		if first == nil {
			first = err
		}
		if n < atOnce || ctx.Err() != nil {
			break
		}
	}
	return found, errors.Join(first, ctx.Err())
}

// runSweep is the sweep by hand.
func runSweep(ctx context.Context, i invocation) error {
	cfg, err := i.configure(0)
	if err != nil {
		return err
	}
	return i.withService(ctx, cfg, func(points *point.Service) error {
		orders, err := drain(ctx, points.Sweep)
		fmt.Fprintf(i.stdout, "looked at %d orders\n", orders)
		return err
	})
}
