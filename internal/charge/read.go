package charge

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
	"pointcharge/internal/page"
	"pointcharge/internal/point"
)

// Order returns userID's order with the given number. The error is NotFound for an unknown order or
// another user's.
func (s *Service) Order(ctx context.Context, userID, merchantUID string) (Order, error) {
	if err := apierror.CheckID("merchantUid", merchantUID); err != nil {
		return Order{}, err
	}
	return database.FindOne[Order](ctx, s.db, "order", "merchant_uid = ? AND user_id = ?", merchantUID, userID)
}

// OrderTransaction returns the CHARGE line of an order. The error is NotFound before the credit.
func (s *Service) OrderTransaction(ctx context.Context, o Order) (point.Transaction, error) {
	return database.FindOne[point.Transaction](ctx, s.db, "transaction", "user_id = ? AND kind = ? AND reference = ?",
		o.UserID, point.KindCharge, o.MerchantUID)
}

// TransactionOrder returns the order of a CHARGE line. The error is NotFound for other lines.
func (s *Service) TransactionOrder(ctx context.Context, t point.Transaction) (Order, error) {
	return database.FindOne[Order](ctx, s.db, "order", "imp_uid = ? AND user_id = ?", t.ImpUID, t.UserID)
}

// OrderAccount returns the latest virtual account that awaits the order's deposit. The error is
// NotFound without an account for exactly the order's price.
func (s *Service) OrderAccount(ctx context.Context, o Order) (VirtualAccount, error) {
	if o.ClosingID != nil {
		return VirtualAccount{}, apierror.New(apierror.NotFound, "This order is closed.")
	}
	issued, err := gorm.G[Payment](s.db).Where(acceptableAccount+" AND status IN ('ready', 'paid')",
		o.MerchantUID, o.Price, o.Currency, !s.Live).Order(latestAccountFirst).Limit(1).Find(ctx)
	if err != nil {
		return VirtualAccount{}, fmt.Errorf("read virtual account: %w", err)
	}
	if len(issued) == 0 {
		return VirtualAccount{}, apierror.New(apierror.NotFound, "There is no such virtual account.")
	}
	return issued[0].VirtualAccount, nil
}

// IsKnownPayment tells whether the books have impUID as a payment of the order merchantUID, paid
// or not. Only what the gateway said gets there.
func (s *Service) IsKnownPayment(ctx context.Context, merchantUID, impUID string) (bool, error) {
	_, err := database.FindOne[Payment](ctx, s.db, "payment", "imp_uid = ? AND merchant_uid = ?", impUID, merchantUID)
	if apierror.CodeOf(err) == apierror.NotFound {
		return false, nil
	}
	return err == nil, err
}

// Orders is a page of userID's charge orders, newest first.
func (s *Service) Orders(ctx context.Context, userID string, request page.Request) (OrderConnection, error) {
	q := gorm.G[Order](s.db).Where("user_id = ?", userID).Order("created_at DESC, merchant_uid DESC")
	if request.After != nil {
		created, merchantUID, _ := strings.Cut(page.DecodeCursor(*request.After), " ")
		at, err := time.Parse(time.RFC3339Nano, created)
		if err != nil || apierror.CheckID("cursor", merchantUID) != nil {
			return OrderConnection{}, apierror.New(apierror.InvalidArgument, "after is not a cursor of this list.")
		}
		q = q.Where("(created_at, merchant_uid) < (?, ?)", at.UTC(), merchantUID)
	}
	return page.Read(ctx, q, request, func(o Order) string {
		return o.CreatedAt.Format(time.RFC3339Nano) + " " + o.MerchantUID
	})
}
