package domaintest

import (
	"pointcharge/internal/charge"
)

// OpenAccountOrder opens an order of minji's, to be paid by virtual account.
func (w *World) OpenAccountOrder() charge.Order {
	w.Helper()
	o, err := w.Open(w.Context(), "minji", Product().ID, charge.PayByVirtualAccount)
	w.Must(err)
	return o
}

// IssueAccount issues an account for the order and returns the payment's imp_uid.
func (w *World) IssueAccount(o charge.Order) string {
	w.Helper()
	_, err := w.IssueVirtualAccount(w.Context(), o.UserID, AccountFor(o))
	w.Must(err)
	return w.AccountOf(o)
}

// AccountOf is the imp_uid of the only account of an order.
func (w *World) AccountOf(o charge.Order) string {
	w.Helper()
	var ids []string
	w.Must(w.DB.Raw("SELECT imp_uid FROM payments WHERE merchant_uid = ?", o.MerchantUID).Scan(&ids).Error)
	if len(ids) != 1 {
		w.Fatalf("the order has the payments %v", ids)
	}
	return ids[0]
}

func AccountFor(o charge.Order) charge.AccountInput {
	return charge.AccountInput{MerchantUID: o.MerchantUID, Bank: "088", Holder: "포인트차지", Hours: 72}
}
