package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pointcharge/internal/audit"
	"pointcharge/internal/server"
)

func TestAMetricCountsTheRowsOfItsInvariant(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	names := server.Invariants()
	printMetrics(&out, []audit.Finding{{Invariant: names[0].Name, Row: "a"}, {Invariant: names[0].Name, Row: "b"}})
	for name, rows := range map[string]int{names[0].Name: 2, names[1].Name: 0} {
		if line := fmt.Sprintf("\npointcharge_audit_findings{invariant=%q} %d\n", name, rows); !strings.Contains(out.String(), line) {
			t.Errorf("no %q in\n%s", line, &out)
		}
	}
}
