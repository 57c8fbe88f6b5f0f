package cli

import (
	"errors"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/reconcile"
)

func TestADateCountsToItsEnd(t *testing.T) {
	t.Parallel()
	from, to, err := reconcileFlags{from: "2026-11-01", to: "2026-11-01"}.parsePeriod()
	if err != nil || from.Format(time.RFC3339) != "2026-11-01T00:00:00Z" || to.Format(time.RFC3339) != "2026-11-01T23:59:59Z" {
		t.Errorf("%s, %s, %v", from, to, err)
	}
}

func TestCSVHoldsNoFormulas(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"} {
		if got := escapeCSVFormula(value); got != "'"+value {
			t.Errorf("%q became %q", value, got)
		}
	}
	for _, value := range []string{"", "imp_1", "paid 5000 KRW", "a=1"} {
		if got := escapeCSVFormula(value); got != value {
			t.Errorf("%q became %q", value, got)
		}
	}
}

// failAfterFirst yields a difference and then fails.
func failAfterFirst(err error) iter.Seq2[reconcile.Discrepancy, error] {
	return func(yield func(reconcile.Discrepancy, error) bool) {
		_ = yield(reconcile.Discrepancy{ImpUID: "imp_1"}, nil) && yield(reconcile.Discrepancy{}, err)
	}
}

func TestAReportThatCannotBeReadFails(t *testing.T) {
	t.Parallel()
	lost := errors.New("the database is gone")
	r := runReport{discrepancies: failAfterFirst(lost)}
	var out strings.Builder
	if errs := []error{r.printDiscrepancies(&out), r.writeCSV(&out), r.writeJSON(&out)}; slices.ContainsFunc(errs, func(err error) bool { return !errors.Is(err, lost) }) {
		t.Errorf("got %v", errs)
	}
	if err := exportReport(filepath.Join(t.TempDir(), "no", "such"), &out, r.writeCSV); err == nil {
		t.Error("a file in no folder was written")
	}
}
