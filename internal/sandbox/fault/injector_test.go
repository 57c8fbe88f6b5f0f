package fault_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pointcharge/internal/sandbox/fault"
)

func newInjector(t *testing.T, plan string) *fault.Injector {
	t.Helper()
	p, err := fault.Parse(plan)
	if err != nil {
		t.Fatal(err)
	}
	i := fault.NewInjector(slog.New(slog.DiscardHandler))
	i.Replace(p)
	return i
}

// drawEach draws for requests of several payments, and returns the names of the faults.
func drawEach(i *fault.Injector, route string) []string {
	var names []string
	for n := range 1000 {
		f := i.Draw(fault.OnRequest, fmt.Sprint(n%10), func(r fault.Rule) bool { return r.Covers(route) })
		names = append(names, f.Name)
	}
	return names
}

func TestTheSameSeedDrawsTheSameFaults(t *testing.T) {
	t.Parallel()
	const route = "POST /payments/cancel"
	one := drawEach(newInjector(t, "seed=1,rate=0.5"), route)
	if diff := cmp.Diff(one, drawEach(newInjector(t, "seed=1,rate=0.5"), route)); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(one, drawEach(newInjector(t, "seed=2,rate=0.5"), route)) {
		t.Error("another seed drew the same faults")
	}
}

func TestARateCoversAllFaultsOfARequestExceptRefusals(t *testing.T) {
	t.Parallel()
	i := newInjector(t, "seed=1,rate=1")
	drawEach(i, "POST /payments/cancel")
	_, injected := i.Report()
	for name := range injected {
		if name == fault.Refused || name == fault.BadRequest || name == fault.Forbidden {
			t.Errorf("%s happened %d times", name, injected[name])
		}
	}
	if len(injected) != 10 {
		t.Errorf("%d faults happened, want 10: %v", len(injected), injected)
	}
}

func TestSomeFaultsKeepToTheirRoutes(t *testing.T) {
	t.Parallel()
	for route, want := range map[string][2]bool{ // 401, cancel-pending
		"POST /users/getToken":     {false, false},
		"POST /payments/cancel":    {true, true},
		"GET /payments/{imp_uid}":  {true, false},
		"POST /payments/cancelled": {true, false},
	} {
		got := [2]bool{
			fault.Rule{Name: fault.Unauthorized}.Covers(route), fault.Rule{Name: fault.CancelPending}.Covers(route),
		}
		if got != want {
			t.Errorf("%s: got %v, want %v", route, got, want)
		}
	}
}
