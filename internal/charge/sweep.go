package charge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

const (
	// sweepConcurrency is how many orders one sweep asks the gateway about at the same moment. The
	// rest of the client's calls are for users waiting for an answer.
	sweepConcurrency = 8
	// sweepTail is the time of checks after an order's end: a late payment counts.
	sweepTail = 14 * day
	// maxCheckInterval is the longest time between two checks. A clock running ahead wrote a later
	// CheckAt.
	maxCheckInterval = 7 * day
	// maxDepositInterval is the longest time between two checks of an order waiting for a deposit.
	maxDepositInterval = time.Hour
	// crowdingDelay is the delay of an order whose user has many due orders.
	crowdingDelay = 10 * time.Minute
	// maxRetryInterval is the longest time until the next check after a failed look-up; a day after
	// the tail.
	maxRetryInterval = 15 * time.Minute
)

func (s *Service) newOrderGrace() time.Duration { return cmp.Or(s.Grace, 2*time.Minute) }

// Sweep (누락 결제 보정) finds payments without a notice. For at most limit due orders, the sweep asks
// the gateway about every attempt to pay, and syncs the attempts. The result is the number of due
// orders; fewer than limit means that no more are due.
//
// An order is checked after Grace, and then each time its age has doubled, at least once a week;
// while a deposit is awaited, every hour at least. The sweep stops 14 days after an order's end,
// once a final check has succeeded. Any number of servers may sweep at once: the server that moves
// an order's CheckAt checks the order. If that server dies, the order is due again at the new
// CheckAt. Orders delayed or stopped by a server with a clock running ahead are due at once.
func (s *Service) Sweep(ctx context.Context, limit int) (int, error) {
	recalled := s.resetFutureChecks(ctx, limit)
	due, err := s.findDue(ctx, limit)
	if err != nil {
		return 0, fmt.Errorf("find due orders: %w", err)
	}
	return len(due), errors.Join(recalled, forEach("orders", due, func(order Order) error { return s.checkOrder(ctx, order) }))
}

// sweepWindow times limit due orders are considered, to find orders of different users.
const sweepWindow = 20

// findDue returns at most limit due orders. When more are due, every user gets a turn. A user's
// further orders are delayed if another user has to wait, so no order waits behind the thousands of
// one user.
func (s *Service) findDue(ctx context.Context, limit int) ([]Order, error) {
	now := s.points.CurrentTime()
	var due []Order
	err := s.db.WithContext(ctx).Where("imp_uid IS NULL AND check_at <= ?", now).Order("check_at").Limit(sweepWindow * limit).Find(&due).Error
	if err != nil || len(due) <= limit {
		return due, err
	}
	byTurn := sortByTurn(due)
	waiting, crowding := map[string]bool{}, []string{}
	for _, t := range byTurn[limit:] {
		waiting[t.UserID] = true
		if t.turn > 0 {
			crowding = append(crowding, t.MerchantUID)
		}
	}
	picked := make([]Order, limit)
	for i := range picked {
		picked[i] = byTurn[i].Order
	}
	if len(waiting) < 2 && len(due) < sweepWindow*limit { // no other user waits
		return picked, nil
	}
	return picked, s.putOff(ctx, crowding, now)
}

// dueOrder is an order and its index among the user's due orders, from 0.
type dueOrder struct {
	Order
	turn int
}

// sortByTurn returns every user's first order, then every user's second one, and so on; each turn
// in the given order.
func sortByTurn(due []Order) []dueOrder {
	sorted, count := make([]dueOrder, len(due)), map[string]int{}
	for i, o := range due {
		sorted[i] = dueOrder{o, count[o.UserID]}
		count[o.UserID]++
	}
	slices.SortStableFunc(sorted, func(a, b dueOrder) int { return cmp.Compare(a.turn, b.turn) })
	return sorted
}

// putOff makes orders due a little later, so that the orders do not fill the sweep's window.
func (s *Service) putOff(ctx context.Context, merchantUIDs []string, now time.Time) error {
	for batch := range slices.Chunk(merchantUIDs, orderBatch) {
		err := database.Transact(ctx, s.db, func(tx *gorm.DB) error {
			return tx.Exec("UPDATE charge_orders SET check_at = ? WHERE merchant_uid IN ? AND imp_uid IS NULL AND check_at <= ?",
				now.Add(crowdingDelay), batch, now).Error
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// forEach calls do for all values, some at the same time. A failure or panic stops no other value.
func forEach[T any](of string, all []T, do func(T) error) error {
	failed := make([]error, len(all))
	var group errgroup.Group
	group.SetLimit(sweepConcurrency)
	for i, one := range all {
		group.Go(func() error {
			failed[i] = apierror.RecoverPanic(func() error { return do(one) })
			return nil
		})
	}
	_ = group.Wait() // they all return nil
	return apierror.Summarize(of, failed)
}

// resetFutureChecks makes orders due that were delayed or stopped at a time still to come; at most
// limit orders of each.
func (s *Service) resetFutureChecks(ctx context.Context, limit int) error {
	now := s.points.CurrentTime()
	for where, since := range map[string]time.Time{"given_up_at > ?": now, "check_at > ?": now.Add(maxCheckInterval)} {
		err := database.Transact(ctx, s.db, func(tx *gorm.DB) error {
			return tx.Exec(`UPDATE charge_orders SET check_at = ?, given_up_at = NULL WHERE imp_uid IS NULL AND merchant_uid IN
				(SELECT merchant_uid FROM charge_orders WHERE imp_uid IS NULL AND `+where+" LIMIT ?)", now, since, limit).Error
		})
		if err != nil {
			return fmt.Errorf("recall orders: %w", err)
		}
	}
	return nil
}

// checkOrder asks the gateway about one order, unless another server does. An order with a failed
// look-up is due again soon.
func (s *Service) checkOrder(ctx context.Context, order Order) error {
	now := s.points.CurrentTime()
	next := order.nextCheck(now, s.newOrderGrace())
	ours, err := s.claimCheck(ctx, order, next)
	if err != nil || !ours {
		return err
	}
	order.CheckAt = &next
	err = apierror.RecoverPanic(func() error {
		_, err := s.SyncOrder(ctx, point.Actor{Kind: point.ActorJob, ID: "sweep"}, order.MerchantUID)
		return err
	})
	if err == nil {
		return s.stopChecking(ctx, order, now)
	}
	longest := maxRetryInterval
	if now.After(order.ExpiresAt.Add(sweepTail)) {
		longest = day
	}
	_, moved := s.claimCheck(context.WithoutCancel(ctx), order, now.Add(min(max(now.Sub(order.CreatedAt)/4, s.newOrderGrace()/2), longest)))
	return fmt.Errorf("sweep order %s: %w", order.MerchantUID, errors.Join(err, moved))
}

// nextCheck is when the order is looked at again after now.
func (o Order) nextCheck(now time.Time, grace time.Duration) time.Time {
	wait := min(max(now.Sub(o.CreatedAt), grace), maxCheckInterval)
	if o.Status == OrderWaitingDeposit {
		wait = min(wait, maxDepositInterval)
	}
	return now.Add(wait)
}

// claimCheck sets the order's CheckAt, unless another server has set CheckAt since the order was
// read: then the order is that server's.
func (s *Service) claimCheck(ctx context.Context, order Order, next time.Time) (ours bool, err error) {
	err = database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		done := tx.Exec("UPDATE charge_orders SET check_at = ? WHERE merchant_uid = ? AND check_at = ? AND imp_uid IS NULL",
			next, order.MerchantUID, order.CheckAt)
		ours = done.RowsAffected == 1
		return done.Error
	})
	return ours, err
}

// stopChecking ends the checks of an unpaid order, just checked, that ended long ago. A server whose
// clock differs from the database's leaves that to the others: the time it writes would let an order
// be deleted too early.
func (s *Service) stopChecking(ctx context.Context, order Order, now time.Time) error {
	if now.Before(order.ExpiresAt.Add(sweepTail)) {
		return nil
	}
	return database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		if err := s.points.CheckClocks(tx); errors.Is(err, point.ErrClocksDiffer) {
			return nil
		} else if err != nil {
			return err
		}
		return tx.Exec(`UPDATE charge_orders SET check_at = NULL, given_up_at = ?
			WHERE merchant_uid = ? AND check_at = ? AND imp_uid IS NULL AND expires_at < ?`,
			now, order.MerchantUID, order.CheckAt, now.Add(-sweepTail)).Error
	})
}

// ExpireOrders (만료) closes at most limit orders not paid in time, and returns the number. A later
// payment or deposit still counts. ExpireOrders may run at any time, on any number of servers.
func (s *Service) ExpireOrders(ctx context.Context, limit int) (int, error) {
	now, expired := s.points.CurrentTime(), int64(0)
	err := database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		// The condition stands twice, because a payment or a new deadline may come while the
		// statement waits for a row.
		done := tx.Exec(`UPDATE charge_orders SET status = 'EXPIRED'
			WHERE status IN ('PENDING', 'WAITING_DEPOSIT') AND expires_at <= ? AND merchant_uid IN (SELECT merchant_uid
				FROM charge_orders WHERE status IN ('PENDING', 'WAITING_DEPOSIT') AND expires_at <= ? LIMIT ?)`, now, now, limit)
		expired = done.RowsAffected
		return done.Error
	})
	if err != nil {
		return 0, fmt.Errorf("expire orders: %w", err)
	}
	return int(expired), nil
}
