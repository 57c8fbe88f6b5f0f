package cli

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"pointcharge/internal/reconcile"
)

// exportReport writes a report to a file, or to stdout; to nowhere if there is no path.
func exportReport(path string, stdout io.Writer, write func(io.Writer) error) error {
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

// runReport reports one run. The report reads the discrepancies one by one while writing, because
// there may be many.
type runReport struct {
	run           reconcile.Run
	discrepancies iter.Seq2[reconcile.Discrepancy, error]
}

// forEachDiscrepancy calls write for each discrepancy, until write fails.
func (r runReport) forEachDiscrepancy(write func(reconcile.Discrepancy) error) error {
	for d, err := range r.discrepancies {
		if err == nil {
			err = write(d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r runReport) printDiscrepancies(w io.Writer) error {
	err := r.forEachDiscrepancy(func(d reconcile.Discrepancy) error { return printDiscrepancy(w, d) })
	_, writeErr := fmt.Fprintln(w, summarizeRun(r.run))
	return errors.Join(err, writeErr)
}

func printDiscrepancy(w io.Writer, d reconcile.Discrepancy) error {
	_, err := fmt.Fprintf(w, "%-8s %s %s: ours %q, Iamport's %q\n", strings.ToLower(string(d.State)), d.Kind, d.ImpUID, d.Ours, d.Theirs)
	return err
}

func (r runReport) writeCSV(w io.Writer) error {
	rows := csv.NewWriter(w)
	if err := rows.Write([]string{"imp_uid", "merchant_uid", "kind", "state", "ours", "theirs"}); err != nil {
		return err
	}
	err := r.forEachDiscrepancy(func(d reconcile.Discrepancy) error {
		row := []string{d.ImpUID, d.MerchantUID, string(d.Kind), string(d.State), d.Ours, d.Theirs}
		for i := range row {
			row[i] = escapeCSVFormula(row[i])
		}
		return rows.Write(row)
	})
	rows.Flush()
	return errors.Join(err, rows.Error())
}

// escapeCSVFormula keeps a spreadsheet from taking a value for a formula: some values come from
// other people.
func escapeCSVFormula(value string) string {
	if value != "" && strings.ContainsRune("=+-@\t\r\n", rune(value[0])) {
		return "'" + value
	}
	return value
}

func (r runReport) writeJSON(w io.Writer) error {
	head, err := json.Marshal(map[string]any{
		"id": r.run.ID, "from": r.run.FromAt, "to": r.run.ToAt, "startedAt": r.run.StartedAt, "finishedAt": r.run.FinishedAt,
		"listed": r.run.Listed, "compared": r.run.Compared, "repaired": r.run.Repaired, "discrepancies": r.run.Discrepancies,
		"note": r.run.Note, "error": r.run.Error,
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "{\"run\": %s, \"discrepancies\": [", head); err != nil {
		return err
	}
	separator := "\n"
	err = r.forEachDiscrepancy(func(d reconcile.Discrepancy) error {
		line, err := json.Marshal(map[string]any{"impUid": d.ImpUID, "merchantUid": d.MerchantUID, "kind": d.Kind,
			"state": d.State, "ours": d.Ours, "theirs": d.Theirs})
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
