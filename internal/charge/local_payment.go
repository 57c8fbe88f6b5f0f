package charge

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database"
)

// LocalPayment is a payment in the books, without Raw and other fields that are never compared.
type LocalPayment struct {
	Payment `gorm:"embedded"`

	Charges int64 // number of CHARGE lines
	// Decided means that an operator accepted or ignored the present problem: the payment is on no
	// list.
	Decided bool
}

const localPaymentColumns = `p.imp_uid, p.merchant_uid, p.user_id, p.status, p.amount, p.cancelled_amount, p.currency, p.sandbox,
	p.paid_at, p.deposit_count, p.problem, p.problem_state, p.synced_at,
	(SELECT COUNT(*) FROM point_transactions t WHERE t.imp_uid = p.imp_uid AND t.kind = 'CHARGE') AS charges,
	p.problem_state = 'DECIDED' AS decided`

// String returns the payment in one line, for people; empty for a nil payment.
func (b *LocalPayment) String() string {
	if b == nil {
		return ""
	}
	text := DescribePayment(b.Payment)
	if b.Charges > 0 {
		text += ", credited"
	}
	if b.Problem != NoProblem {
		text += ", problem " + string(b.Problem)
	}
	return text
}

// DescribePayment returns a payment in a line, for people.
func DescribePayment(p Payment) string {
	text := fmt.Sprintf("%s %d %s, cancelled %d, order %s", p.Status, p.Amount, p.Currency, p.CancelledAmount, p.MerchantUID)
	if p.Sandbox {
		text += ", test"
	}
	return text
}

// LocalPayments reads payments from the books, by imp_uid. Unknown payments are not in the map.
func (s *Service) LocalPayments(ctx context.Context, impUIDs []string) (map[string]*LocalPayment, error) {
	found := make(map[string]*LocalPayment, len(impUIDs))
	if len(impUIDs) == 0 {
		return found, nil
	}
	var rows []LocalPayment
	err := s.db.WithContext(ctx).Raw("SELECT "+localPaymentColumns+" FROM payments p WHERE p.imp_uid IN ?", impUIDs).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read our payments: %w", err)
	}
	for i := range rows {
		found[rows[i].ImpUID] = &rows[i]
	}
	return found, nil
}

// LocalPaymentsPaid reads at most limit payments paid in a period, ordered by time of payment and
// imp_uid. after is the imp_uid of the last payment read, paid at from.
func (s *Service) LocalPaymentsPaid(ctx context.Context, from time.Time, after string, to time.Time, limit int) ([]LocalPayment, error) {
	var rows []LocalPayment
	err := s.db.WithContext(ctx).Raw("SELECT "+localPaymentColumns+` FROM payments p
		WHERE (p.paid_at, p.imp_uid) > (?, ?) AND p.paid_at <= ? AND p.status IN ('paid', 'cancelled')
		ORDER BY p.paid_at, p.imp_uid LIMIT ?`, from, after, to, limit).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read our payments: %w", err)
	}
	return rows, nil
}

// KnownOrders returns which of the merchantUIDs are known orders.
func (s *Service) KnownOrders(ctx context.Context, merchantUIDs []string) (map[string]bool, error) {
	var known []string
	err := s.db.WithContext(ctx).Raw("SELECT merchant_uid FROM charge_orders WHERE merchant_uid IN ?", merchantUIDs).Scan(&known).Error
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	isKnown := make(map[string]bool, len(known))
	for _, order := range known {
		isKnown[order] = true
	}
	return isKnown, nil
}

// FlagMissing lists a credited payment as unknown to the gateway, unless the payment was synced
// since local was read: then the gateway does know the payment. The next Sync that finds the
// payment removes the mark. The order is locked first, as everywhere.
func (s *Service) FlagMissing(ctx context.Context, b *LocalPayment) error {
	now := s.points.CurrentTime()
	return database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		if _, err := lockOrder(tx, b.MerchantUID); err != nil {
			return err
		}
		return tx.Exec(`UPDATE payments SET problem = ?, problem_state = 'OPEN', changed_at = ?
			WHERE imp_uid = ? AND problem = '' AND synced_at = ?`, NotAtGateway, now, b.ImpUID, b.SyncedAt).Error
	})
}
