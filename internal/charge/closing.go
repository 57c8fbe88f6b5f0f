package charge

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

// orderBatch is how many orders one transaction closes or deletes.
const orderBatch = 500

// Closing (주문 마감) is an operator's act that closed the unpaid orders of a product, and a row of the
// database.
type Closing struct {
	ID        string `gorm:"primaryKey"`
	ProductID string
	Reason    string
	Actor     point.Actor `gorm:"embedded;embeddedPrefix:actor_"` // an operator
	CreatedAt time.Time

	Orders int64 `gorm:"-"` // number of closed orders
}

// TableName is the table's name in SQL.
func (Closing) TableName() string { return "order_closings" }

// CloseOrders (주문 마감) closes all unpaid orders of a product offered by mistake, also expired
// orders, which could still be paid. A later payment is a problem, ORDER_CLOSED. Correct the
// product before, because users can open orders during the offer. Errors: Forbidden,
// InvalidArgument, NotFound. After a failure in between, some orders are closed; a repetition
// closes the rest.
func (s *Service) CloseOrders(ctx context.Context, actor point.Actor, productID, reason string) (Closing, error) {
	if err := checkDecision(actor, reason); err != nil {
		return Closing{}, err
	}
	if err := apierror.CheckID("productId", productID); err != nil {
		return Closing{}, err
	}
	if _, err := s.Product(ctx, productID); err != nil {
		return Closing{}, err
	}
	id, err := database.NewID()
	if err != nil {
		return Closing{}, err
	}
	closing := Closing{ID: id, ProductID: productID, Reason: reason, Actor: actor, CreatedAt: s.points.CurrentTime()}
	for {
		closed, err := s.closeBatch(ctx, closing)
		if err != nil {
			return closing, fmt.Errorf("close orders of %s: %w", productID, err)
		}
		if closed == 0 {
			return s.countClosed(ctx, closing)
		}
	}
}

// closeBatch closes some orders, and writes the act first. Repeated after a lost COMMIT, it closes
// the next ones.
func (s *Service) closeBatch(ctx context.Context, closing Closing) (closed int64, err error) {
	err = database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		if written, err := rowExists(tx, "order_closings", closing.ID); err != nil {
			return err
		} else if !written {
			if err := tx.Create(&closing).Error; err != nil {
				return err
			}
		}
		// The condition stands twice, because a payment may come while the statement waits for a
		// row.
		done := tx.Exec(`UPDATE charge_orders SET closing_id = ?, status = 'EXPIRED'
			WHERE imp_uid IS NULL AND closing_id IS NULL AND merchant_uid IN (SELECT merchant_uid FROM charge_orders
				WHERE product_id = ? AND imp_uid IS NULL AND closing_id IS NULL LIMIT ?)`, closing.ID, closing.ProductID, orderBatch)
		closed = done.RowsAffected
		return done.Error
	})
	return closed, err
}

func (s *Service) countClosed(ctx context.Context, closing Closing) (Closing, error) {
	err := s.db.WithContext(ctx).Raw("SELECT COUNT(*) FROM charge_orders WHERE product_id = ? AND closing_id = ?",
		closing.ProductID, closing.ID).Scan(&closing.Orders).Error
	return closing, err
}

// checkDecision refuses a decision without an operator or a reason.
func checkDecision(actor point.Actor, reason string) error {
	if err := actor.Validate(); err != nil {
		return err
	}
	if !actor.IsOperator() {
		return apierror.New(apierror.Forbidden, "Only an operator may decide this.")
	}
	return checkReason(reason)
}

// PruneOrders deletes at most limit orders without any attempt, after the sweep's last check and
// OrderRetention. The result is the number of visited orders; fewer than limit means that no more
// are due. An order with a payment, of any status, stays for ever. PruneOrders may run at any time,
// on any number of servers. A server whose clock differs from the database's deletes nothing, and the
// error wraps point.ErrClocksDiffer: every order looks old to a clock of a later year.
func (s *Service) PruneOrders(ctx context.Context, limit int) (int, error) {
	before, looked := s.points.CurrentTime().Add(-s.orderRetention()), 0
	err := database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		if err := s.points.CheckClocks(tx); err != nil {
			return err
		}
		var due []string
		// The rows are locked before the payments are read: a payment is written under its order's
		// lock.
		err := tx.Raw(`SELECT merchant_uid FROM charge_orders WHERE imp_uid IS NULL AND given_up_at IS NOT NULL AND given_up_at < ?
			AND created_at < ? ORDER BY given_up_at LIMIT ?`+forUpdate(tx), before, before, limit).Scan(&due).Error
		if looked = len(due); err != nil || looked == 0 {
			return err
		}
		// An order with payments leaves the index, and is not visited again.
		err = tx.Exec(`UPDATE charge_orders SET given_up_at = NULL WHERE merchant_uid IN ?
			AND (accepted_imp_uid IS NOT NULL OR EXISTS (SELECT 1 FROM payments p WHERE p.merchant_uid = charge_orders.merchant_uid))`, due).Error
		if err != nil {
			return err
		}
		return tx.Exec("DELETE FROM charge_orders WHERE merchant_uid IN ? AND imp_uid IS NULL AND given_up_at IS NOT NULL", due).Error
	})
	if err != nil {
		return 0, fmt.Errorf("prune orders: %w", err)
	}
	return looked, nil
}

// forUpdate locks the rows read by a statement. SQLite has one writer at a time and no such clause.
func forUpdate(tx *gorm.DB) string {
	if tx.Name() == "postgres" {
		return " FOR UPDATE"
	}
	return ""
}
