package charge

import (
	"context"
	"crypto/rand"
	"fmt"
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

func (m PayMethod) isKnown() bool {
	switch m {
	case PayByCard, PayByBankTransfer, PayByVirtualAccount, PayByPhone, PayByKakaoPay, PayByNaverPay, PayByTossPay, PayByPayco:
		return true
	}
	return false
}

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
	ExpiresAt    time.Time // of a virtual account's deposit, once there is one
	CreatedAt    time.Time
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
// payment window accepts no other (contract §1.7). It refuses with InvalidArgument,
// ProductUnavailable or GatewayUnavailable; then nothing is written.
func (s *Service) Open(ctx context.Context, userID, productID string, method PayMethod) (Order, error) {
	if err := apierror.CheckID("productId", productID); err != nil {
		return Order{}, err
	}
	if !method.isKnown() {
		return Order{}, apierror.New(apierror.InvalidArgument, "There is no such way to pay.")
	}
	product, err := s.Product(ctx, productID)
	if apierror.CodeOf(err) == apierror.NotFound || (err == nil && !product.Active) {
		return Order{}, apierror.New(apierror.ProductUnavailable, "This product is not on offer.")
	}
	if err != nil {
		return Order{}, err
	}
	order := newOrder(userID, product, method, s.points.CurrentTime(), s.newOrderGrace())
	// First the gateway, then the row: what fails in between leaves a registered amount that nobody
	// knows the number of, which costs nothing.
	if err := s.Gateway.Prepare(ctx, order.MerchantUID, order.Price, order.Currency); err != nil {
		return Order{}, err
	}
	err = database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		return tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&order).Error
	})
	if err != nil {
		return Order{}, fmt.Errorf("write order: %w", err)
	}
	return order, nil
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
	unpaid := o.MerchantUID != "" && o.ImpUID == nil
	return unpaid && (p.VirtualAccount.Number != "" || o.Status == OrderWaitingDeposit)
}

// paidStatus is the status of an order that p paid.
func paidStatus(p Payment) OrderStatus {
	switch {
	case p.CancelledAmount == 0:
		return OrderPaid
	case p.CancelledAmount < p.Amount:
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
