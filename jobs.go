package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"pointcharge/internal/config"
	"pointcharge/internal/point"
	"pointcharge/internal/schedule"
)

// jobs is what runs beside the requests, on any number of servers.
func jobs(cfg config.Config, points *point.Service, log *slog.Logger) []schedule.Job {
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
		{Name: "refunds", Every: cfg.RefundsEvery, Run: points.SyncRefunds},
		{Name: "reconcile", Every: cfg.ReconcileEvery, Run: func(ctx context.Context) error {
			return reconcileDue(ctx, points, log)
		}},
	}
}

// reconcileDue is the scheduled reconciliation. What it found is logged, because nobody asked for it.
func reconcileDue(ctx context.Context, points *point.Service, log *slog.Logger) error {
	run, failed := points.ReconcileDue(ctx)
	open, err := points.OpenDifferences(context.WithoutCancel(ctx))
	if err != nil {
		return errors.Join(failed, err)
	}
	level := slog.LevelInfo
	if run.Differences > 0 || len(open) > 0 {
		level = slog.LevelWarn
	}
	if level > slog.LevelInfo || run.Healed > 0 {
		log.Log(ctx, level, "the books and Iamport did not agree", "run", run.ID, "healed", run.Healed, "differences", run.Differences,
			"open", countKinds(open), "note", run.Note)
	}
	return failed
}

// countKinds is how many of the differences are of each kind.
func countKinds(differences []point.Difference) map[point.DifferenceKind]int {
	counted := map[point.DifferenceKind]int{}
	for _, d := range differences {
		counted[d.Kind]++
	}
	return counted
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
