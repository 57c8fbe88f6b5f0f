package charge

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database"
)

// acceptableAccount selects payments with a virtual account that may be shown for an order: of the
// order, of exactly its price, in the server's mode, not revoked, without a problem.
// latestAccountFirst orders such payments.
const (
	acceptableAccount  = "merchant_uid = ? AND amount = ? AND currency = ? AND sandbox = ? AND vbank_num <> '' AND revoked_at IS NULL AND problem = ''"
	latestAccountFirst = "vbank_date IS NULL, vbank_date DESC, imp_uid"
)

// updateDepositDeadline gives an unpaid order the deadline of its latest virtual account. After the
// last account's end, the order is as before the first. An expired order waits again only if there
// is time left.
func (b *paymentState) updateDepositDeadline(tx *gorm.DB, r applyRules) error {
	var accounts []Payment
	err := tx.Where(acceptableAccount+" AND status = ?", b.order.MerchantUID, b.order.Price, b.order.Currency, !r.live, Ready).
		Order(latestAccountFirst).Limit(1).Find(&accounts).Error
	if err != nil {
		return fmt.Errorf("read virtual accounts: %w", err)
	}
	if len(accounts) == 0 {
		return b.clearDepositDeadline(tx, r.now)
	}
	until := b.order.ExpiresAt
	if deadline := accounts[0].VirtualAccount.DepositBy; deadline != nil {
		until = deadline.UTC()
	}
	if b.order.Status == OrderExpired && !r.now.Before(until) {
		return nil
	}
	return b.setDeadline(tx, OrderWaitingDeposit, until)
}

func (b *paymentState) clearDepositDeadline(tx *gorm.DB, now time.Time) error {
	until := b.order.CreatedAt.Add(orderLife).UTC()
	switch {
	case b.order.Status != OrderWaitingDeposit:
		return nil
	case now.Before(until):
		return b.setDeadline(tx, OrderPending, until)
	}
	return b.setDeadline(tx, OrderExpired, until)
}

// setDeadline writes the status and the deadline of an unpaid order.
func (b *paymentState) setDeadline(tx *gorm.DB, status OrderStatus, until time.Time) error {
	if b.order.Status == status && b.order.ExpiresAt.Equal(until) {
		return nil
	}
	b.order.Status, b.order.ExpiresAt = status, until
	return database.ExactlyOne(tx.Exec("UPDATE charge_orders SET status = ?, expires_at = ? WHERE merchant_uid = ? AND imp_uid IS NULL",
		status, until, b.order.MerchantUID))
}
