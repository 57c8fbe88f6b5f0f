package charge

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/point"
)

// The readers below answer for many rows with one statement each, so that a list's fields cost no
// statement per row. Unknown keys are not in the map.

// OrdersByMerchantUID returns orders of any user by their number.
func (s *Service) OrdersByMerchantUID(ctx context.Context, merchantUIDs []string) (map[string]Order, error) {
	return readBy(ctx, s.db, "orders", "merchant_uid IN ?", merchantUIDs, func(o Order) string { return o.MerchantUID })
}

// ProductsByID returns products by their id, on offer or not.
func (s *Service) ProductsByID(ctx context.Context, ids []string) (map[string]Product, error) {
	return readBy(ctx, s.db, "products", "id IN ?", ids, func(p Product) string { return p.ID })
}

// OrdersOfLines returns the orders of CHARGE lines, by the line's id.
func (s *Service) OrdersOfLines(ctx context.Context, lines []point.Transaction) (map[string]Order, error) {
	var impUIDs []string
	for _, line := range lines {
		if line.ImpUID != nil {
			impUIDs = append(impUIDs, *line.ImpUID)
		}
	}
	byPayment, err := readBy(ctx, s.db, "orders", "imp_uid IN ?", impUIDs, func(o Order) string { return *o.ImpUID })
	if err != nil {
		return nil, err
	}
	orders := make(map[string]Order, len(lines))
	for _, line := range lines {
		if line.ImpUID == nil {
			continue
		}
		if order, ok := byPayment[*line.ImpUID]; ok && order.UserID == line.UserID {
			orders[line.ID] = order
		}
	}
	return orders, nil
}

// ChargeLinesOfOrders returns the CHARGE lines of orders by the order's number.
func (s *Service) ChargeLinesOfOrders(ctx context.Context, orders []Order) (map[string]point.Transaction, error) {
	var impUIDs []string
	for _, o := range orders {
		if o.ImpUID != nil {
			impUIDs = append(impUIDs, *o.ImpUID)
		}
	}
	return readBy(ctx, s.db, "transactions", "kind = 'CHARGE' AND imp_uid IN ?", impUIDs,
		func(t point.Transaction) string { return *t.Reference })
}

// AccountsOfOrders returns the virtual accounts awaiting deposits, by the order's number, as
// OrderAccount does.
func (s *Service) AccountsOfOrders(ctx context.Context, orders []Order) (map[string]VirtualAccount, error) {
	accounts := make(map[string]VirtualAccount)
	var merchantUIDs []string
	for _, o := range orders {
		if o.ClosingID == nil { // whatever its way to pay: the payment window may let the payer choose
			merchantUIDs = append(merchantUIDs, o.MerchantUID)
		}
	}
	if len(merchantUIDs) == 0 {
		return accounts, nil
	}
	var rows []Payment
	err := s.db.WithContext(ctx).Raw(`SELECT p.merchant_uid, p.vbank_name, p.vbank_num, p.vbank_holder, p.vbank_date
		FROM payments p JOIN charge_orders o ON o.merchant_uid = p.merchant_uid AND o.price = p.amount AND o.currency = p.currency
		WHERE p.merchant_uid IN ? AND p.sandbox = ? AND p.vbank_num <> '' AND p.revoked_at IS NULL AND p.problem = ''
			AND p.status IN ('ready', 'paid')
		ORDER BY p.vbank_date IS NULL, p.vbank_date DESC, p.imp_uid`, merchantUIDs, !s.Live).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read virtual accounts: %w", err)
	}
	for _, p := range rows {
		if _, ok := accounts[p.MerchantUID]; !ok {
			accounts[p.MerchantUID] = p.VirtualAccount
		}
	}
	return accounts, nil
}

func readBy[T any](ctx context.Context, db *gorm.DB, what, where string, keys []string, keyOf func(T) string) (map[string]T, error) {
	found := make(map[string]T, len(keys))
	if len(keys) == 0 {
		return found, nil
	}
	rows, err := gorm.G[T](db).Where(where, keys).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	for _, row := range rows {
		found[keyOf(row)] = row
	}
	return found, nil
}

// OrderPayment is the part of a payment visible to the order's owner.
type OrderPayment struct {
	ImpUID          string
	Status          PaymentStatus
	Amount          int64 // in the currency's minor unit
	CancelledAmount int64
	Problem         Problem // why the payment gave no points; empty without a problem
	Method          string  // Iamport's word
	Provider        string
	ReceiptURL      string
	FailReason      string // in the provider's words
	PaidAt          *time.Time
}

// PaymentOfOrder returns the most telling payment of userID's order: the paying payment, else one
// with money, else the latest attempt. Errors: InvalidArgument, and NotFound for another user's
// order or an order without attempts.
func (s *Service) PaymentOfOrder(ctx context.Context, userID, merchantUID string) (OrderPayment, error) {
	order, err := s.Order(ctx, userID, merchantUID)
	if err != nil {
		return OrderPayment{}, err
	}
	paidBy := ""
	if order.ImpUID != nil {
		paidBy = *order.ImpUID
	}
	var rows []Payment
	err = s.db.WithContext(ctx).Raw(`SELECT * FROM payments WHERE merchant_uid = ? AND problem NOT IN ('SANDBOX', 'UNREADABLE')
		ORDER BY CASE WHEN imp_uid = ? THEN 0 WHEN status = 'paid' THEN 1 WHEN status = 'cancelled' THEN 2 ELSE 3 END,
			COALESCE(failed_at, changed_at, synced_at) DESC, imp_uid LIMIT 1`, merchantUID, paidBy).Scan(&rows).Error
	if err != nil {
		return OrderPayment{}, fmt.Errorf("read payment: %w", err)
	}
	if len(rows) == 0 {
		return OrderPayment{}, apierror.New(apierror.NotFound, "Nobody has tried to pay this order.")
	}
	p := rows[0]
	return OrderPayment{ImpUID: p.ImpUID, Status: p.Status, Amount: p.Amount, CancelledAmount: p.CancelledAmount, Problem: p.Problem,
		Method: p.PayMethod, Provider: p.PGProvider, ReceiptURL: p.ReceiptURL, FailReason: p.FailReason, PaidAt: p.PaidAt}, nil
}
