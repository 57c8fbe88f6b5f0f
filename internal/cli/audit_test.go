package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pointcharge/internal/point"
)

func TestAMetricCountsTheRowsOfItsInvariant(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	names := point.Invariants()
	printMetrics(&out, []point.Finding{{Invariant: names[0], Row: "a"}, {Invariant: names[0], Row: "b"}})
	for name, rows := range map[string]int{names[0]: 2, names[1]: 0} {
		if line := fmt.Sprintf("\npointcharge_audit_findings{invariant=%q} %d\n", name, rows); !strings.Contains(out.String(), line) {
			t.Errorf("no %q in\n%s", line, &out)
		}
	}
}
