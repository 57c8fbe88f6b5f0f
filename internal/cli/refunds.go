package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"pointcharge/internal/charge"
)

// setUpRefunds syncs the payments of open refunds and lists the open refunds, or releases one
// refund by an operator's decision.
func setUpRefunds(flags *flag.FlagSet) task {
	release := flags.String("release", "", "the refund that will never come; its points become spendable again")
	reason := flags.String("reason", "", "with -release: why; it is kept")
	return task{run: func(ctx context.Context, r resources) error {
		if *release == "" {
			return listRefunds(ctx, r.stdout, r.services.Charges)
		}
		actor, err := r.commandActor("")
		if err != nil {
			return err
		}
		refund, err := r.services.Charges.ReleaseRefund(ctx, actor, *release, *reason)
		if err == nil {
			_, err = fmt.Fprintf(r.stdout, "refund %s is %s\n", refund.ID, refund.Status)
		}
		return err
	}}
}

// listRefunds lists the open refunds also when the look-up of some failed, and then fails.
func listRefunds(ctx context.Context, w io.Writer, charges *charge.Service) error {
	report, failure := charges.SyncRefunds(ctx)
	failure = errors.Join(failure, report.Err)
	open, err := charges.OpenRefunds(ctx)
	if err != nil {
		return errors.Join(failure, err)
	}
	for _, r := range open {
		fmt.Fprintf(w, "refund %s of payment %s: %d, %s since %s\n", r.ID, r.ImpUID, r.Amount, r.Status, r.CreatedAt.Format(time.RFC3339))
	}
	_, err = fmt.Fprintf(w, "%s under way\n", formatCount(len(open), "refund is", "refunds are"))
	return errors.Join(failure, err)
}
