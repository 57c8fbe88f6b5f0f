package fault_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"pointcharge/internal/sandbox/fault"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]fault.Plan{
		"": {},
		"seed=7, rate=0.3,hang=0.1,429=1:2@POST /payments/prepare,webhook-late,down=1": {
			Seed: 7, Rate: "0.3", Down: true, Rules: []fault.Rule{
				{Name: "hang", Rate: "0.1"},
				{Name: "429", Rate: "1", Count: 2, Route: "POST /payments/prepare"},
				{Name: "webhook-late"},
			},
		},
	} {
		got, err := fault.Parse(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v\n-want +got:\n%s", text, err, diff)
		}
	}
}
