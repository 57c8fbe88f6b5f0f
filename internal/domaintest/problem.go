package domaintest

import (
	"pointcharge/internal/charge"
	"pointcharge/internal/sandbox"
)

// Mispaid is a payment of 4,000 won for minji's order of 5,000.
func (w *World) Mispaid() (impUID string, order charge.Order) {
	w.Helper()
	order = w.OpenOrder("minji")
	impUID = w.Pay(order, func(p *sandbox.Payment) { p.Amount = "4000" })
	w.MustSync(impUID)
	return impUID, order
}

func Decision(impUID string, action charge.Action) charge.ResolveInput {
	return charge.ResolveInput{ImpUID: impUID, Action: action, Reason: "고객 문의", Actor: Sora()}
}

func (w *World) MustResolve(in charge.ResolveInput) {
	w.Helper()
	_, err := w.Resolve(w.Context(), in)
	w.Must(err)
}

// WantProblems fails unless exactly the given payments are on the list.
func (w *World) WantProblems(want map[string]charge.Problem) {
	w.Helper()
	var listed []charge.Payment
	for p, err := range w.Problems(w.Context()) {
		w.Must(err)
		listed = append(listed, p)
	}
	n, err := w.ProblemCount(w.Context())
	w.Must(err)
	if len(listed) != len(want) || n != int64(len(want)) {
		w.Fatalf("%d of %d problems are listed: %+v, want %v", len(listed), n, listed, want)
	}
	for _, p := range listed {
		if want[p.ImpUID] != p.Problem {
			w.Fatalf("payment %s has problem %q, want %q", p.ImpUID, p.Problem, want[p.ImpUID])
		}
	}
}
