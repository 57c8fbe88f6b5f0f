package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"pointcharge/internal/reconcile"
)

// reconcileFlags are the flags of the command reconcile.
type reconcileFlags struct {
	from, to  string
	csv, json string // files; - is the standard output
	list      bool
	open      bool
	ignore    string // an imp_uid, or nameless
	of        string // the same
	reason    string
}

// nameless stands for the payments that Iamport lists without a usable imp_uid. They are one
// discrepancy.
const nameless = "nameless"

// setUpReconcile compares the books with Iamport's lists, prints the discrepancies and exports
// them.
func setUpReconcile(flags *flag.FlagSet) task {
	var f reconcileFlags
	flags.StringVar(&f.from, "from", "", "a date, or a time as 2026-11-01T09:00:00Z; UTC (default: where the last scheduled run ended, less an hour; once a day 90 days ago)")
	flags.StringVar(&f.to, "to", "", "a date, which counts to its end, or a time (default: now)")
	flags.StringVar(&f.csv, "csv", "", "write the discrepancies to this file as CSV; - is the standard output")
	flags.StringVar(&f.json, "json", "", "write the run and its discrepancies to this file as JSON; - is the standard output")
	flags.BoolVar(&f.list, "list", false, "print the newest runs instead")
	flags.BoolVar(&f.open, "open", false, "print instead what the server's own runs found, is not repaired and is no problem")
	flags.StringVar(&f.ignore, "ignore", "", "take the open discrepancy of this imp_uid off the list, until it differs in another way; \""+nameless+
		"\" for the payments that Iamport lists without one")
	flags.StringVar(&f.of, "of", "", "list instead what operators decided about the discrepancies of this imp_uid")
	flags.StringVar(&f.reason, "reason", "", "with -ignore: why; it is kept")
	var from, to time.Time
	return task{
		check: func() (err error) {
			err = checkForm(flags, form{may: []string{"from", "to", "csv", "json"}}, form{flag: "list"}, form{flag: "open"}, form{flag: "of"},
				form{flag: "ignore", needs: []string{"reason"}})
			if err == nil {
				from, to, err = f.parsePeriod()
			}
			return err
		},
		run: func(ctx context.Context, r resources) error {
			switch {
			case f.list:
				return listReconciliations(ctx, r.stdout, r.services.Reconcile)
			case f.open:
				return listOpenDiscrepancies(ctx, r.stdout, r.services.Reconcile)
			case f.ignore != "":
				return f.ignoreDiscrepancy(ctx, r)
			case f.of != "":
				return listDecisions(ctx, r.stdout, r.services.Reconcile, impUIDOf(f.of))
			}
			return f.runReconciliation(ctx, r, from, to)
		},
	}
}

// runReconciliation runs a reconciliation and reports the result. A failed or interrupted run is
// reported with the results so far. The command fails if there are discrepancies.
func (f reconcileFlags) runReconciliation(ctx context.Context, r resources, from, to time.Time) error {
	var run reconcile.Run
	var failure error
	if f.from == "" {
		run, failure = r.services.Reconcile.ReconcileDue(ctx)
	} else {
		run, failure = r.services.Reconcile.Reconcile(ctx, from, to)
	}
	if run.ID == "" {
		return failure
	}
	text := r.stdout
	if f.csv == "-" || f.json == "-" { // data on standard output stays free of other text
		text = io.Discard
	}
	report := runReport{run, r.services.Reconcile.Discrepancies(context.WithoutCancel(ctx), run.ID)}
	err := errors.Join(failure, report.printDiscrepancies(text), exportReport(f.csv, r.stdout, report.writeCSV), exportReport(f.json, r.stdout, report.writeJSON))
	if err == nil && run.Discrepancies > 0 {
		err = fmt.Errorf("the books and Iamport do not agree: %s", formatCount(run.Discrepancies, "discrepancy", "discrepancies"))
	}
	return err
}

// parsePeriod checks the flags, and returns the time to reconcile; zero is the default.
func (f reconcileFlags) parsePeriod() (from, to time.Time, err error) {
	limited := f.from != "" || f.to != ""
	switch {
	case f.csv == "-" && f.json == "-":
		return from, to, errors.New("only one of -csv and -json can go to the standard output")
	case !limited:
		return from, to, nil
	case f.from == "":
		return from, to, errors.New("-to needs -from")
	}
	if from, err = parseTime(f.from, 0); err != nil {
		return from, to, err
	}
	if to, err = parseTime(cmp.Or(f.to, time.Now().Format(time.RFC3339)), 24*time.Hour-time.Second); err == nil && !from.Before(to) {
		err = errors.New("-from must be before -to, and before now")
	}
	return from, to, err
}

// parseTime reads a time, or a date plus the given duration.
func parseTime(text string, add time.Duration) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.Add(add), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%q is neither a date (2026-11-01) nor a time (2026-11-01T09:00:00Z)", text)
	}
	return at, nil
}
