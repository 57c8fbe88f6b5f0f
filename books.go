package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/point"
)

// runAudit proves the books. With -metrics it prints a gauge for each invariant in Prometheus' text format, as
// node_exporter's textfile collector reads them.
func runAudit(ctx context.Context, i invocation) error {
	metrics := i.flags.Bool("metrics", false, "print a Prometheus metric for each invariant instead of the rows")
	cfg, err := i.configure(0)
	if err != nil {
		return err
	}
	logTo := i.stdout
	if *metrics {
		logTo = os.Stderr // a warning of a slow statement among the metrics would make the file unreadable
	}
	var findings []point.Finding
	err = withDatabase(ctx, cfg, logTo, func(db *gorm.DB) error {
		findings, err = point.Audit(ctx, db)
		return err
	})
	if err != nil {
		return err
	}
	if *metrics {
		printMetrics(i.stdout, findings)
	} else {
		for _, f := range findings {
			fmt.Fprintln(i.stdout, f)
		}
	}
	if len(findings) > 0 {
		return fmt.Errorf("the books are not right: %d findings", len(findings))
	}
	if !*metrics {
		fmt.Fprintf(i.stdout, "the books are right: %d invariants hold\n", len(point.Invariants()))
	}
	return nil
}

func printMetrics(w io.Writer, findings []point.Finding) {
	count := map[string]int{}
	for _, f := range findings {
		count[f.Invariant]++
	}
	fmt.Fprint(w, "# HELP pointcharge_audit_findings Rows that break an invariant of the books, at most 100.\n",
		"# TYPE pointcharge_audit_findings gauge\n")
	for _, invariant := range point.Invariants() {
		fmt.Fprintf(w, "pointcharge_audit_findings{invariant=%q} %d\n", invariant, count[invariant])
	}
}

// runRefunds syncs the payments of open refunds, or lets go of one by an operator's hand.
func runRefunds(ctx context.Context, i invocation) error {
	release := i.flags.String("release", "", "the refund that will never come; its points become spendable again")
	cfg, err := i.configure(0)
	if err != nil {
		return err
	}
	return i.withService(ctx, cfg, func(points *point.Service) error {
		if *release != "" {
			refund, err := points.ReleaseRefund(ctx, *release)
			if err == nil {
				_, err = fmt.Fprintf(i.stdout, "refund %s is %s\n", refund.ID, refund.Status)
			}
			return err
		}
		return listRefunds(ctx, i.stdout, points)
	})
}

func listRefunds(ctx context.Context, w io.Writer, points *point.Service) error {
	failed := points.SyncRefunds(ctx)
	open, err := points.OpenRefunds(ctx)
	if err != nil {
		return errors.Join(failed, err)
	}
	for _, r := range open {
		fmt.Fprintf(w, "refund %s of payment %s: %d, %s since %s\n", r.ID, r.ImpUID, r.Amount, r.Status, r.CreatedAt.Format(time.RFC3339))
	}
	_, err = fmt.Fprintf(w, "%d refunds are under way\n", len(open))
	return errors.Join(failed, err)
}

func runExpire(ctx context.Context, i invocation) error {
	cfg, err := i.configure(0)
	if err != nil {
		return err
	}
	return i.withService(ctx, cfg, func(points *point.Service) error {
		users, err := drain(ctx, points.Expire)
		if err == nil {
			_, err = fmt.Fprintf(i.stdout, "expired points of %d users\n", users)
		}
		return err
	})
}
