package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/point"
)

// reconciling is what the command reconcile was asked for.
type reconciling struct {
	from, to  string
	csv, json string // files; - is the standard output
	list      bool
	open      bool
}

// runReconcile compares the books with Iamport's lists, prints what differs and exports it.
func runReconcile(ctx context.Context, i invocation) error {
	var r reconciling
	i.flags.StringVar(&r.from, "from", "", "a date, or a time as 2026-11-01T09:00:00Z; UTC (default: where the last scheduled run ended, less an hour; once a day 90 days ago)")
	i.flags.StringVar(&r.to, "to", "", "a date, which counts to its end, or a time (default: now)")
	i.flags.StringVar(&r.csv, "csv", "", "write the differences to this file as CSV; - is the standard output")
	i.flags.StringVar(&r.json, "json", "", "write the run and its differences to this file as JSON; - is the standard output")
	i.flags.BoolVar(&r.list, "list", false, "print the newest runs instead")
	i.flags.BoolVar(&r.open, "open", false, "print instead what the server's own runs found, is not healed and is no problem")
	cfg, err := i.configure(0)
	if err != nil {
		return err
	}
	from, to, err := r.period()
	if err != nil {
		return usageError{err}
	}
	text, logTo := i.stdout, i.stdout
	if r.csv == "-" || r.json == "-" { // nothing else belongs among the data
		text, logTo = io.Discard, os.Stderr
	}
	return withDatabase(ctx, cfg, logTo, func(db *gorm.DB) error {
		points, hangUp := newService(cfg, db, newLog(cfg, logTo))
		defer hangUp()
		if r.list {
			return listReconciliations(ctx, text, points)
		}
		if r.open {
			return listOpen(ctx, text, points)
		}
		var run point.Reconciliation
		var failure error
		if r.from == "" {
			run, failure = points.ReconcileDue(ctx)
		} else {
			run, failure = points.Reconcile(ctx, from, to)
		}
		if run.ID == "" {
			return failure
		}
		// Also of a run that failed: with what it found until then, and after the caller has left.
		report := reconciliation{run, points.Differences(context.WithoutCancel(ctx), run.ID)}
		err := errors.Join(failure, report.print(text), export(r.csv, i.stdout, report.csv), export(r.json, i.stdout, report.json))
		if err == nil && run.Differences > 0 {
			err = fmt.Errorf("the books and Iamport do not agree: %d differences", run.Differences)
		}
		return err
	})
}

func (r reconciling) period() (from, to time.Time, err error) {
	asked := r.from != "" || r.to != ""
	switch {
	case (r.list || r.open) && (asked || r.csv != "" || r.json != "" || r.list && r.open):
		return from, to, errors.New("-list and -open go alone")
	case r.csv == "-" && r.json == "-":
		return from, to, errors.New("only one of -csv and -json can go to the standard output")
	case !asked:
		return from, to, nil
	case r.from == "":
		return from, to, errors.New("-to needs -from")
	}
	if from, err = moment(r.from, 0); err != nil {
		return from, to, err
	}
	if to, err = moment(cmp.Or(r.to, time.Now().Format(time.RFC3339)), 24*time.Hour-time.Second); err == nil && !from.Before(to) {
		err = errors.New("-from must be before -to, and before now")
	}
	return from, to, err
}

// moment is a time, or what is so far into a date.
func moment(text string, into time.Duration) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.Add(into), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%q is neither a date (2026-11-01) nor a time (2026-11-01T09:00:00Z)", text)
	}
	return at, nil
}

func listReconciliations(ctx context.Context, w io.Writer, points *point.Service) error {
	runs, err := points.Reconciliations(ctx)
	if err != nil {
		return err
	}
	for _, run := range runs {
		fmt.Fprintf(w, "%s %s\n", run.StartedAt.Format(time.RFC3339), summary(run))
	}
	_, err = fmt.Fprintf(w, "%d runs\n", len(runs))
	return err
}

// listOpen prints the differences that are open. They end nothing: the next run looks at them again.
func listOpen(ctx context.Context, w io.Writer, points *point.Service) error {
	open, err := points.OpenDifferences(ctx)
	if err != nil {
		return err
	}
	for _, d := range open {
		if err := printDifference(w, d); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(w, "%d differences are open\n", len(open))
	return err
}

// summary is a run in a line.
func summary(run point.Reconciliation) string {
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
	return fmt.Sprintf("from %s to %s: %d listed, %d compared, %d healed, %d differences%s", run.FromAt.Format(time.RFC3339),
		run.ToAt.Format(time.RFC3339), run.Listed, run.Compared, run.Healed, run.Differences, end)
}

// export writes a report to a file, or to stdout; to nowhere if there is no path.
func export(path string, stdout io.Writer, write func(io.Writer) error) error {
	switch path {
	case "":
		return nil
	case "-":
		return write(stdout)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // the operator names it
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

// reconciliation is a run to report of. Its differences are read as they are written: there may be many.
type reconciliation struct {
	run         point.Reconciliation
	differences iter.Seq2[point.Difference, error]
}

// each calls write for each difference, until it fails.
func (r reconciliation) each(write func(point.Difference) error) error {
	for d, err := range r.differences {
		if err == nil {
			err = write(d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r reconciliation) print(w io.Writer) error {
	err := r.each(func(d point.Difference) error { return printDifference(w, d) })
	_, failed := fmt.Fprintln(w, summary(r.run))
	return errors.Join(err, failed)
}

func printDifference(w io.Writer, d point.Difference) error {
	outcome := "differs"
	if d.Healed {
		outcome = "healed"
	}
	_, err := fmt.Fprintf(w, "%-7s %s %s: ours %q, Iamport's %q\n", outcome, d.Kind, d.ImpUID, d.Ours, d.Theirs)
	return err
}

func (r reconciliation) csv(w io.Writer) error {
	rows := csv.NewWriter(w)
	if err := rows.Write([]string{"imp_uid", "merchant_uid", "kind", "healed", "ours", "theirs"}); err != nil {
		return err
	}
	err := r.each(func(d point.Difference) error {
		row := []string{d.ImpUID, d.MerchantUID, string(d.Kind), strconv.FormatBool(d.Healed), d.Ours, d.Theirs}
		for i := range row {
			row[i] = harmless(row[i])
		}
		return rows.Write(row)
	})
	rows.Flush()
	return errors.Join(err, rows.Error())
}

// harmless keeps a spreadsheet from taking a value for a formula: some of them were typed by strangers.
func harmless(value string) string {
	if value != "" && strings.ContainsRune("=+-@\t\r\n", rune(value[0])) {
		return "'" + value
	}
	return value
}

func (r reconciliation) json(w io.Writer) error {
	head, err := json.Marshal(map[string]any{
		"id": r.run.ID, "from": r.run.FromAt, "to": r.run.ToAt, "startedAt": r.run.StartedAt, "finishedAt": r.run.FinishedAt,
		"listed": r.run.Listed, "compared": r.run.Compared, "healed": r.run.Healed, "differences": r.run.Differences,
		"note": r.run.Note, "error": r.run.Error,
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "{\"run\": %s, \"differences\": [", head); err != nil {
		return err
	}
	separator := "\n"
	err = r.each(func(d point.Difference) error {
		line, err := json.Marshal(map[string]any{"impUid": d.ImpUID, "merchantUid": d.MerchantUID, "kind": d.Kind,
			"healed": d.Healed, "ours": d.Ours, "theirs": d.Theirs})
		if err == nil {
			_, err = fmt.Fprint(w, separator, string(line))
		}
		separator = ",\n"
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(w, "]}\n")
	return err
}
