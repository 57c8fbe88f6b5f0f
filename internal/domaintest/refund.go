package domaintest

import (
	"pointcharge/internal/charge"
	"pointcharge/internal/point"
)

// RefundOf returns minji's request for a refund.
func RefundOf(credited point.Transaction, won int64, reference string) charge.RefundInput {
	return charge.RefundInput{TransactionID: credited.ID, Amount: won, Reference: reference, Reason: "변심", Actor: Minji()}
}

// ByAdmin is the same, asked by an operator.
func ByAdmin(in charge.RefundInput) charge.RefundInput {
	in.Actor = Sora()
	return in
}

func (w *World) MustRefund(in charge.RefundInput) charge.Refund {
	w.Helper()
	r, err := w.Refund(w.Context(), in)
	w.Must(err)
	return r
}
