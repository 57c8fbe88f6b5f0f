package server

import (
	"context"
	"errors"
	"log/slog"

	"pointcharge/internal/config"
	"pointcharge/internal/point"
	"pointcharge/internal/schedule"
)

// jobs are the jobs that run beside the requests, on any number of servers.
func jobs(cfg config.Config, points *point.Service, log *slog.Logger) []schedule.Job {
	inBatches := func(do func(context.Context, int) (int, error)) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := RunBatches(ctx, do)
			return err
		}
	}
	return []schedule.Job{
		{Name: "sweep", Every: cfg.SweepEvery, Run: inBatches(points.Sweep)},
		{Name: "expire-orders", Every: cfg.ExpireOrdersEvery, Run: inBatches(points.ExpireOrders)},
		{Name: "expire-points", Every: cfg.ExpirePointsEvery, Run: inBatches(points.Expire)},
		{Name: "refunds", Every: cfg.RefundsEvery, Run: points.SyncRefunds},
		{Name: "reconcile", Every: cfg.ReconcileEvery, Run: func(ctx context.Context) error {
			return reconcileDue(ctx, points, log)
		}},
	}
}

// reconcileDue runs the scheduled reconciliation. It logs what it found, because no caller waits
// for the result.
func reconcileDue(ctx context.Context, points *point.Service, log *slog.Logger) error {
	run, failure := points.ReconcileDue(ctx)
	open, err := points.OpenDifferences(context.WithoutCancel(ctx))
	if err != nil {
		return errors.Join(failure, err)
	}
	level := slog.LevelInfo
	if run.Differences > 0 || len(open) > 0 {
		level = slog.LevelWarn
	}
	if level > slog.LevelInfo || run.Healed > 0 {
		log.Log(ctx, level, "the books and Iamport did not agree", "run", run.ID, "healed", run.Healed, "differences", run.Differences,
			"open", countByKind(open), "note", run.Note)
	}
	return failure
}

// countByKind returns how many of the differences are of each kind.
func countByKind(differences []point.Difference) map[point.DifferenceKind]int {
	counts := map[point.DifferenceKind]int{}
	for _, d := range differences {
		counts[d.Kind]++
	}
	return counts
}

const (
	// batchSize is how many rows a job takes in one go.
	batchSize = 500
	// maxBatches is how many batches one run takes: a row that fails may be due again at once.
	maxBatches = 200
)

// RunBatches calls do until it finds less than a full batch, and returns how many rows it found in
// all. A failure of one batch does not stop the next; the first failure is returned.
func RunBatches(ctx context.Context, do func(ctx context.Context, limit int) (int, error)) (found int, err error) {
	var first error
	for range maxBatches {
		n, err := do(ctx, batchSize)
		found += n
		if first == nil {
			first = err
		}
		if n < batchSize || ctx.Err() != nil {
			break
		}
	}
	return found, errors.Join(first, ctx.Err())
}
