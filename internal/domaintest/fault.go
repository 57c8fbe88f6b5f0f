package domaintest

import (
	"pointcharge/internal/sandbox"
	"pointcharge/internal/sandbox/fault"
)

// Suffer lets the gateway go wrong as the plan says; an empty one mends it.
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

// PayWithFault is a ready payment of a new order that becomes paid while it meets the fault.
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
