package domaintest

import (
	"pointcharge/internal/sandbox"
	"pointcharge/internal/sandbox/fault"
)

// Suffer makes the gateway fail by the plan; an empty plan ends the faults.
func (w *World) Suffer(plan string) {
	w.Helper()
	p, err := fault.Parse(plan)
	w.Must(err)
	w.Must(w.Sandbox.SetFaults(p))
}

func (w *World) WantInjected(name string) {
	w.Helper()
	if injected := w.Sandbox.Faults().Injected; injected[name] == 0 {
		w.Fatalf("%s never happened: %v", name, injected)
	}
}

// PayWithFault returns a ready payment of a new order. The payment meets the fault when becoming
// paid.
func (w *World) PayWithFault(name string) (impUID string) {
	w.Helper()
	impUID = w.Pay(w.OpenOrder("minji"), WithStatus(sandbox.Ready), func(p *sandbox.Payment) {
		if name == fault.SecondDeposit {
			p.PayMethod = "vbank"
		}
	})
	w.Suffer(name)
	w.Must(w.Sandbox.Pay(impUID))
	w.Suffer("")
	w.WantInjected(name)
	return impUID
}
