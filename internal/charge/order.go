package charge

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
	"pointcharge/internal/page"
)

// orderLife is how long an order waits for its payment before it is shown as expired. A payment that
// comes later still counts.
const orderLife = time.Hour

// OrderStatus says how far a charge order has come.
type OrderStatus string

// PENDING → WAITING_DEPOSIT → PAID → PARTIALLY_CANCELLED → CANCELLED. PENDING and WAITING_DEPOSIT → EXPIRED; both ways
// back to WAITING_DEPOSIT, with a new virtual account, and from it, when the last one is gone.
const (
	OrderPending            OrderStatus = "PENDING"
	OrderWaitingDeposit     OrderStatus = "WAITING_DEPOSIT"
	OrderPaid               OrderStatus = "PAID"
	OrderPartiallyCancelled OrderStatus = "PARTIALLY_CANCELLED"
	OrderCancelled          OrderStatus = "CANCELLED"
	OrderExpired            OrderStatus = "EXPIRED"
)

// PayMethod is how an order is to be paid. The payment itself may tell otherwise.
type PayMethod string

// The ways to pay.
const (
	PayByCard           PayMethod = "CARD"
	PayByBankTransfer   PayMethod = "BANK_TRANSFER"
	PayByVirtualAccount PayMethod = "VIRTUAL_ACCOUNT"
	PayByPhone          PayMethod = "PHONE"
	PayByKakaoPay       PayMethod = "KAKAOPAY"
	PayByNaverPay       PayMethod = "NAVERPAY"
	PayByTossPay        PayMethod = "TOSSPAY"
	PayByPayco          PayMethod = "PAYCO"
)

// AllPayMethods returns every way to pay.
func AllPayMethods() []PayMethod {
	return []PayMethod{PayByCard, PayByBankTransfer, PayByVirtualAccount, PayByPhone, PayByKakaoPay, PayByNaverPay, PayByTossPay, PayByPayco}
}

func (m PayMethod) isKnown() bool { return slices.Contains(AllPayMethods(), m) }

// Order (충전 주문) is the intent to pay: who buys what, at the price of the moment it was opened.
type Order struct {
	MerchantUID string `gorm:"primaryKey"` // 주문번호
	UserID      string
	ProductID   string
	Name        string
	Price       int64 // won
	Points      int64
	BonusPoints int64
	Currency    string // always KRW
	PayMethod   PayMethod
	Status      OrderStatus
	ImpUID      *string    // the payment that paid it
	ClaimID     *string    // which Charge took the line home; see claim
	ClaimedAt   *time.Time // when
	// CheckAt is when the sweep asks the gateway about it next; see Sweep.
	CheckAt *time.Time
	// AcceptedImpUID is the payment that an operator gave points for by hand; see Resolve.
	AcceptedImpUID *string `gorm:"column:accepted_imp_uid"`
	IssuingID      *string // who asks the gateway for a virtual account; see Service.lease
	// IssuingUntil is when that right ends by itself.
	IssuingUntil *time.Time
	// ClosingID is the operator's act that closed it unpaid; see CloseOrders.
	ClosingID  *string
	FailReason string     // of the latest attempt that failed, in the provider's words; empty if none did
	FailedAt   *time.Time // when
	ExpiresAt  time.Time  // of a virtual account's deposit, once there is one
	CreatedAt  time.Time
}

// TableName is the table's name in SQL.
func (Order) TableName() string { return "charge_orders" }

// The schema's names of a list of orders.
type (
	// OrderConnection is a page of charge orders.
	OrderConnection = page.Connection[Order]
	// OrderEdge is an order on it.
	OrderEdge = page.Edge[Order]
)

// Open opens an order of userID for a product and registers its amount at the gateway, so that the
// payment window accepts no other (contract §1.7). It refuses with InvalidArgument (reasons PAY_METHOD_UNAVAILABLE,
// PRICE_BELOW_MINIMUM and TOO_MANY_OPEN_ORDERS), ProductUnavailable or GatewayUnavailable (reason GATEWAY_REFUSED when the gateway said no); then
// nothing is written.
func (s *Service) Open(ctx context.Context, userID, productID string, method PayMethod) (Order, error) {
	if err := apierror.CheckID("productId", productID); err != nil {
		return Order{}, err
	}
	if !method.isKnown() {
		return Order{}, apierror.Invalid("payMethod", "There is no such way to pay.")
	}
	if !slices.Contains(s.OfferedPayMethods(), method) {
		return Order{}, &apierror.Error{Code: apierror.InvalidArgument, Reason: PayMethodUnavailable, Argument: "payMethod",
			Message: "This shop does not offer this way to pay."}
	}
	if err := s.checkOpenOrders(s.db.WithContext(ctx), userID); err != nil {
		return Order{}, err
	}
	product, err := s.Product(ctx, productID)
	if apierror.CodeOf(err) == apierror.NotFound || (err == nil && !product.Active) {
		return Order{}, productUnavailable()
	}
	if err != nil {
		return Order{}, err
	}
	if method == PayByNaverPay && product.Price < minNaverPay {
		return Order{}, &apierror.Error{Code: apierror.InvalidArgument, Reason: PriceBelowMinimum, Argument: "payMethod",
			Params: map[string]any{apierror.ParamLimit: int64(minNaverPay)}, Message: "NaverPay takes 100 won or more."}
	}
	order := newOrder(userID, product, method, s.points.CurrentTime(), s.newOrderGrace())
	// First the gateway, then the row: what fails in between leaves a registered amount that nobody
	// knows the number of, which costs nothing.
	if err := s.Gateway.Prepare(ctx, order.MerchantUID, order.Price, order.Currency); err != nil {
		return Order{}, fmt.Errorf("prepare order: %w", err)
	}
	err = database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		if written, err := orderExists(tx, order.MerchantUID); err != nil || written {
			return err // a COMMIT whose answer was lost
		}
		if err := checkOffer(tx, product); err != nil {
			return err
		}
		if err := s.checkOpenOrders(tx, userID); err != nil {
			return err
		}
		return tx.Create(&order).Error
	})
	if err != nil {
		return Order{}, fmt.Errorf("write order: %w", err)
	}
	return order, nil
}

// The reasons that Open refuses with, besides the gateway's.
const (
	PayMethodUnavailable = "PAY_METHOD_UNAVAILABLE"
	TooManyOpenOrders    = "TOO_MANY_OPEN_ORDERS"
)

func productUnavailable() error {
	return apierror.New(apierror.ProductUnavailable, "This product is not on offer.")
}

func orderExists(tx *gorm.DB, merchantUID string) (bool, error) {
	var n int64
	err := tx.Table("charge_orders").Where("merchant_uid = ?", merchantUID).Count(&n).Error
	return n > 0, err
}

// checkOffer refuses an order for what the product was before a change, and keeps it from changing until the order is
// written: so CloseOrders misses none that was begun before a correction.
func checkOffer(tx *gorm.DB, offered Product) error {
	var now Product
	err := tx.Clauses(clause.Locking{Strength: clause.LockingStrengthShare}).Where("id = ?", offered.ID).Take(&now).Error
	if err != nil {
		return fmt.Errorf("read product: %w", err)
	}
	if now.Position = offered.Position; now != offered {
		return productUnavailable()
	}
	return nil
}

// checkOpenOrders refuses a user who has many orders that wait for their payment.
func (s *Service) checkOpenOrders(db *gorm.DB, userID string) error {
	limit := s.maxOpenOrders()
	var open int
	err := db.Raw(`SELECT COUNT(*) FROM (SELECT 1 FROM charge_orders
		WHERE user_id = ? AND status IN ('PENDING', 'WAITING_DEPOSIT') LIMIT ?) open_orders`, userID, limit).Scan(&open).Error
	if err != nil {
		return fmt.Errorf("count open orders: %w", err)
	}
	if open >= limit {
		return &apierror.Error{Code: apierror.InvalidArgument, Reason: TooManyOpenOrders, Params: map[string]any{apierror.ParamLimit: int64(limit)},
			Message: "Too many orders wait for their payment. Pay one, or wait until they expire."}
	}
	return nil
}

// OfferedPayMethods returns the ways to pay that the shop has a channel for, in their usual order.
func (s *Service) OfferedPayMethods() []PayMethod {
	if s.PayMethods == nil {
		return AllPayMethods()
	}
	return slices.DeleteFunc(AllPayMethods(), func(m PayMethod) bool { return !slices.Contains(s.PayMethods, m) })
}

// newOrder is the product's offer as it stands now. Its number cannot be guessed (contract §5, F28).
func newOrder(userID string, p Product, method PayMethod, now time.Time, grace time.Duration) Order {
	checkAt := now.Add(grace)
	return Order{
		MerchantUID: rand.Text(), // 26 characters, 130 bits
		UserID:      userID,
		ProductID:   p.ID,
		Name:        p.Name,
		Price:       p.Price,
		Points:      p.Points,
		BonusPoints: p.BonusPoints,
		Currency:    "KRW",
		PayMethod:   method,
		Status:      OrderPending,
		ExpiresAt:   now.Add(orderLife),
		CheckAt:     &checkAt,
		CreatedAt:   now,
	}
}

// isPaidBy tells whether p is the payment that paid the order.
func (o Order) isPaidBy(p Payment) bool { return o.ImpUID != nil && *o.ImpUID == p.ImpUID }

// mayAwaitDeposit tells whether p may change what the order waits for: it has a virtual account, or had one, or took the
// place of one.
func (o Order) mayAwaitDeposit(p Payment) bool {
	unpaid := o.MerchantUID != "" && o.ImpUID == nil && o.ClosingID == nil
	return unpaid && (p.VirtualAccount.Number != "" || o.Status == OrderWaitingDeposit)
}

// statusAfter returns the status of a paid order of which so many won were cancelled.
func (o Order) statusAfter(cancelled int64) OrderStatus {
	switch {
	case cancelled == 0:
		return OrderPaid
	case cancelled < o.Price:
		return OrderPartiallyCancelled
	}
	return OrderCancelled
}

// setStatus writes the new status of an order that is paid, and which payment paid it.
func (b *paymentState) setStatus(tx *gorm.DB, status OrderStatus) error {
	if b.order.Status == status {
		return nil
	}
	b.order.Status, b.order.ImpUID = status, &b.payment.ImpUID
	return database.ExactlyOne(tx.Exec("UPDATE charge_orders SET status = ?, imp_uid = ? WHERE merchant_uid = ?",
		b.order.Status, b.order.ImpUID, b.order.MerchantUID))
}

// recordFailure keeps on the order why the latest attempt to pay it failed. Attempts are told of in any order.
func (b *paymentState) recordFailure(tx *gorm.DB) error {
	at := b.payment.FailedAt
	if at == nil {
		at = b.payment.ChangedAt
	}
	o := &b.order
	old := o.FailedAt != nil && (at == nil || at.Before(*o.FailedAt))
	same := o.FailedAt != nil && at != nil && at.Equal(*o.FailedAt) && o.FailReason == b.payment.FailReason
	if o.MerchantUID == "" || old || same || at == nil {
		return nil
	}
	o.FailReason, o.FailedAt = b.payment.FailReason, at
	return database.ExactlyOne(tx.Exec("UPDATE charge_orders SET fail_reason = ?, failed_at = ? WHERE merchant_uid = ?",
		o.FailReason, at.UTC(), o.MerchantUID))
}
