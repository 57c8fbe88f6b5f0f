package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"pointcharge/internal/reconcile"
)

func listReconciliations(ctx context.Context, w io.Writer, reconciling *reconcile.Service) error {
	runs, err := reconciling.Runs(ctx)
	if err != nil {
		return err
	}
	for _, run := range runs {
		fmt.Fprintf(w, "%s %s\n", run.StartedAt.Format(time.RFC3339), summarizeRun(run))
	}
	_, err = fmt.Fprintf(w, "%s\n", formatCount(len(runs), "run", "runs"))
	return err
}

// listOpenDiscrepancies prints the open discrepancies. The command does not fail because of open
// discrepancies: the next run checks all of them again.
func listOpenDiscrepancies(ctx context.Context, w io.Writer, reconciling *reconcile.Service) error {
	const pageSize = 500
	count, last := 0, ""
	for {
		open, err := reconciling.OpenDiscrepancies(ctx, last, pageSize)
		if err != nil {
			return err
		}
		for _, d := range open {
			if err := printDiscrepancy(w, d); err != nil {
				return err
			}
			last = d.ID
		}
		if count += len(open); len(open) < pageSize {
			break
		}
	}
	_, err := fmt.Fprintf(w, "%s open\n", formatCount(count, "discrepancy is", "discrepancies are"))
	return err
}

// summarizeRun describes a run in one line.
func summarizeRun(run reconcile.Run) string {
	end := ""
	switch {
	case run.Error != "":
		end = "; failed: " + run.Error
	case run.FinishedAt == nil:
		end = "; not finished"
	}
	if run.Note != "" {
		end += "; " + run.Note
	}
	return fmt.Sprintf("from %s to %s: %d listed, %d compared, %d repaired, %s%s", run.FromAt.Format(time.RFC3339),
		run.ToAt.Format(time.RFC3339), run.Listed, run.Compared, run.Repaired, formatCount(run.Discrepancies, "discrepancy", "discrepancies"), end)
}

// impUIDOf returns the imp_uid of a discrepancy that an operator named.
func impUIDOf(name string) string {
	if name == nameless {
		return ""
	}
	return name
}

func (f reconcileFlags) ignoreDiscrepancy(ctx context.Context, r resources) error {
	actor, err := r.commandActor("")
	if err != nil {
		return err
	}
	ignored, err := r.services.Reconcile.IgnoreDiscrepancy(ctx, actor, impUIDOf(f.ignore), f.reason)
	if err != nil {
		return err
	}
	return printDiscrepancy(r.stdout, ignored)
}

// listDecisions prints what operators decided about a payment's discrepancies, the newest first.
func listDecisions(ctx context.Context, w io.Writer, reconciling *reconcile.Service, impUID string) error {
	decisions, err := reconciling.Decisions(ctx, impUID)
	for _, d := range decisions {
		fmt.Fprintf(w, "%s  %s by %s: %s\n", d.CreatedAt.Format(time.RFC3339), d.Kind, d.Actor.ID, d.Reason)
	}
	if err != nil || len(decisions) > 0 {
		return err
	}
	return printUndecided(w, "discrepancies of", impUID)
}
