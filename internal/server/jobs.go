package server

import (
	"context"
	"errors"
	"log/slog"

	"pointcharge/internal/charge"
	"pointcharge/internal/config"
	"pointcharge/internal/reconcile"
	"pointcharge/internal/schedule"
)

// scheduledJobs returns the jobs that run beside the requests, on any number of servers.
func scheduledJobs(cfg config.Config, services Services, log *slog.Logger) []schedule.Job {
	inBatches := func(do func(context.Context, int) (int, error)) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := RunBatches(ctx, do)
			return err
		}
	}
	return []schedule.Job{
		{Name: "sweep", Every: cfg.SweepEvery, Run: inBatches(services.Charges.Sweep)},
		{Name: "expire-orders", Every: cfg.ExpireOrdersEvery, Run: inBatches(services.Charges.ExpireOrders)},
		{Name: "prune-orders", Every: cfg.ExpireOrdersEvery, Run: inBatches(services.Charges.PruneOrders)},
		{Name: "expire-points", Every: cfg.ExpirePointsEvery, Run: inBatches(services.Points.Expire)},
		{Name: "refunds", Every: cfg.RefundsEvery, Run: func(ctx context.Context) error {
			return syncRefunds(ctx, services.Charges, log)
		}},
		{Name: "reconcile", Every: cfg.ReconcileEvery, Run: func(ctx context.Context) error {
			return reconcileDue(ctx, services.Reconcile, log)
		}},
	}
}

// syncRefunds follows the open refunds. One that cannot be looked up is logged and does not make
// the job fail.
func syncRefunds(ctx context.Context, charges *charge.Service, log *slog.Logger) error {
	report, err := charges.SyncRefunds(ctx)
	if report.Failed > 0 {
		log.WarnContext(ctx, "cannot follow some refunds", "failed", report.Failed, "checked", report.Checked, "err", report.Err)
	}
	return err
}

// reconcileDue runs the scheduled reconciliation and logs the result, because no caller waits for
// the result.
func reconcileDue(ctx context.Context, reconciling *reconcile.Service, log *slog.Logger) error {
	run, failure := reconciling.ReconcileDue(ctx)
	open, err := reconciling.CountOpenDiscrepancies(context.WithoutCancel(ctx))
	if err != nil {
		return errors.Join(failure, err)
	}
	level := slog.LevelInfo
	if run.Discrepancies > 0 || open.Oldest != nil {
		level = slog.LevelWarn
	}
	if level > slog.LevelInfo || run.Repaired > 0 {
		log.Log(ctx, level, "the books and Iamport did not agree", "run", run.ID, "repaired", run.Repaired, "discrepancies", run.Discrepancies,
			"open", open.ByKind, "note", run.Note)
	}
	return failure
}

const (
	// batchSize is how many rows a job takes in one go.
	batchSize = 500
	// maxBatches is the largest number of batches in one run: a failing row may be due again at
	// once.
	maxBatches = 200
)

// RunBatches calls do until a batch is not full, and returns the number of rows in all batches.
// After a failed batch the next batches still run; the first failure is returned.
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
