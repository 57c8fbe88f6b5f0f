package cli

import (
	"context"
	"flag"
	"fmt"
	"io"

	"pointcharge/internal/audit"
	"pointcharge/internal/server"
)

// setUpAudit declares the command that proves the books. The flag -metrics prints a gauge for each
// invariant in Prometheus' text format, for node_exporter's textfile collector.
func setUpAudit(flags *flag.FlagSet) task {
	metrics := flags.Bool("metrics", false, "print a Prometheus metric for each invariant instead of the rows")
	return task{run: func(ctx context.Context, r resources) error {
		findings, err := audit.Run(ctx, r.db, server.Invariants())
		if err != nil {
			return err
		}
		if *metrics {
			printMetrics(r.stdout, findings)
		} else {
			printFindings(r.stdout, findings)
		}
		if len(findings) > 0 {
			return fmt.Errorf("the books are not right: %s", formatCount(len(findings), "finding", "findings"))
		}
		return nil
	}}
}

func printFindings(w io.Writer, findings []audit.Finding) {
	for _, f := range findings {
		fmt.Fprintln(w, f)
	}
	if len(findings) == 0 {
		fmt.Fprintf(w, "the books are right: %d invariants hold\n", len(server.Invariants()))
	}
}

func printMetrics(w io.Writer, findings []audit.Finding) {
	count := map[string]int{}
	for _, f := range findings {
		count[f.Invariant]++
	}
	fmt.Fprint(w, "# HELP pointcharge_audit_findings Rows that break an invariant of the books, at most 100.\n",
		"# TYPE pointcharge_audit_findings gauge\n")
	for _, invariant := range server.Invariants() {
		fmt.Fprintf(w, "pointcharge_audit_findings{invariant=%q} %d\n", invariant.Name, count[invariant.Name])
	}
}
