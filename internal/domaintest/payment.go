package domaintest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"pointcharge/internal/charge"
	"pointcharge/internal/point"
)

// PaymentHistory is the life of one payment: the gateway's answer at each moment.
func PaymentHistory(o charge.Order) []charge.Payment {
	p := charge.Payment{ImpUID: "imp_1", MerchantUID: o.MerchantUID, Amount: o.Price, Currency: "KRW", Sandbox: true}
	var out []charge.Payment
	for _, step := range []struct {
		status    charge.PaymentStatus
		cancelled int64
	}{{charge.Ready, 0}, {charge.Failed, 0}, {charge.Paid, 0}, {charge.Cancelled, 1000}, {charge.Cancelled, 5000}} {
		if more := step.cancelled - p.CancelledAmount; more > 0 {
			p.Cancellations = append(slices.Clone(p.Cancellations), charge.Cancellation{ID: fmt.Sprint("can_", step.cancelled), Amount: more})
		}
		p.Status, p.CancelledAmount = step.status, step.cancelled
		out = append(out, p)
	}
	return out
}

// CancelAtConsole takes back won at Iamport's console and lets the books follow.
func (w *World) CancelAtConsole(impUID string, won int64) {
	w.Helper()
	w.Must(w.Sandbox.Cancel(impUID, json.Number(strconv.FormatInt(won, 10))))
	w.MustSync(impUID)
}

func (w *World) MustSync(impUID string) charge.Payment {
	w.Helper()
	p, err := w.Sync(w.Context(), Webhook(), impUID)
	w.Must(err)
	return p
}

// ChargeFor charges an order of minji's for a product of the given price, points and bonus.
func (w *World) ChargeFor(price, points, bonus int64) point.Transaction {
	w.Helper()
	p := charge.Product{ID: "odd", Name: "포인트", Price: price, Points: points, BonusPoints: bonus, Active: true}
	_, err := w.UpsertProduct(w.Context(), p)
	w.Must(err)
	order, err := w.Open(w.Context(), "minji", p.ID, charge.PayByCard)
	w.Must(err)
	line, err := w.Charge(w.Context(), "minji", w.Pay(order))
	w.Must(err)
	return line
}

// SweepDue sweeps the due orders and fails unless their number is due.
func (w *World) SweepDue(due int) {
	w.Helper()
	n, err := w.Sweep(w.Context(), 100)
	w.Must(err)
	if n != due {
		w.Fatalf("%d orders were due, want %d", n, due)
	}
}
