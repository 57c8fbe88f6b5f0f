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

// orderLife is the time for an order's payment before the order is shown as expired. A later
// payment still counts.
const orderLife = time.Hour

// OrderStatus says how far a charge order has come.
type OrderStatus string

// PENDING → WAITING_DEPOSIT → PAID → PARTIALLY_CANCELLED → CANCELLED. PENDING and WAITING_DEPOSIT →
// EXPIRED. With a new virtual account PENDING and EXPIRED → WAITING_DEPOSIT; without the last
// account back.
const (
	OrderPending            OrderStatus = "PENDING"
	OrderWaitingDeposit     OrderStatus = "WAITING_DEPOSIT"
	OrderPaid               OrderStatus = "PAID"
	OrderPartiallyCancelled OrderStatus = "PARTIALLY_CANCELLED"
	OrderCancelled          OrderStatus = "CANCELLED"
	OrderExpired            OrderStatus = "EXPIRED"
)

// PayMethod is the intended way to pay an order. The payment may come by another.
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

// Order (충전 주문) is the intent to pay: a user, a product, and the price at the opening.
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
	ImpUID      *string    // the order's paying payment
	ClaimID     *string    // the Charge call that received the line; see claim
	ClaimedAt   *time.Time // when
	// CheckAt is the time of the sweep's next look-up; see Sweep.
	CheckAt *time.Time
	// AcceptedImpUID is the payment credited by an operator's hand; see Resolve.
	AcceptedImpUID *string `gorm:"column:accepted_imp_uid"`
	IssuingID      *string // the request that issues a virtual account; see Service.acquireLease
	// IssuingUntil is when the lease of IssuingID ends.
	IssuingUntil *time.Time
	// ClosingID is the operator's act that closed the unpaid order; see CloseOrders.
	ClosingID *string
	// Of the latest failed attempt, in the provider's words; empty without one.
	FailReason string
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
	// OrderEdge is an order on a page.
	OrderEdge = page.Edge[Order]
)

// Open opens an order of userID for a product and registers its amount at the gateway, so that the
// payment window accepts no other (contract §1.7). It refuses with InvalidArgument (reasons
// PAY_METHOD_UNAVAILABLE, PRICE_BELOW_MINIMUM and TOO_MANY_OPEN_ORDERS), ProductUnavailable or
// GatewayUnavailable (reason GATEWAY_REFUSED when the gateway said no); then nothing is written.
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
	// First the gateway, then the row: a failure in between leaves a registered amount for an
	// unpublished number, at no cost.
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

// The reasons of Open's errors, besides the gateway's.
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

// checkOffer refuses an order for an outdated offer, and locks the product until the order is
// written. So CloseOrders misses no order begun before a correction.
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

// checkOpenOrders refuses a user with many unpaid open orders.
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

// OfferedPayMethods returns the ways to pay through the shop's channels, in their usual order.
func (s *Service) OfferedPayMethods() []PayMethod {
	if s.PayMethods == nil {
		return AllPayMethods()
	}
	return slices.DeleteFunc(AllPayMethods(), func(m PayMethod) bool { return !slices.Contains(s.PayMethods, m) })
}

// newOrder makes an order from the product's present offer. The number cannot be guessed (contract
// §5, F28).
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

// isPaidBy tells whether p paid the order.
func (o Order) isPaidBy(p Payment) bool { return o.ImpUID != nil && *o.ImpUID == p.ImpUID }

// mayAwaitDeposit tells whether p may change the order's wait for a deposit: p has or had a virtual
// account, or replaced a payment with one.
func (o Order) mayAwaitDeposit(p Payment) bool {
	unpaid := o.MerchantUID != "" && o.ImpUID == nil && o.ClosingID == nil
	return unpaid && (p.VirtualAccount.Number != "" || o.Status == OrderWaitingDeposit)
}

// statusAfter returns the status of a paid order after cancellations of cancelled won in total.
func (o Order) statusAfter(cancelled int64) OrderStatus {
	switch {
	case cancelled == 0:
		return OrderPaid
	case cancelled < o.Price:
		return OrderPartiallyCancelled
	}
	return OrderCancelled
}

// setStatus writes the new status of a paid order, and the paying payment.
func (b *paymentState) setStatus(tx *gorm.DB, status OrderStatus) error {
	if b.order.Status == status {
		return nil
	}
	b.order.Status, b.order.ImpUID = status, &b.payment.ImpUID
	return database.ExactlyOne(tx.Exec("UPDATE charge_orders SET status = ?, imp_uid = ? WHERE merchant_uid = ?",
		b.order.Status, b.order.ImpUID, b.order.MerchantUID))
}

// recordFailure keeps on the order why the latest attempt failed. News of attempts come in any
// order.
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
