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
	// sweepConcurrency is how many orders one sweep asks the gateway about at the same moment: few enough to leave the
	// client's calls to those who are waiting for an answer.
	sweepConcurrency = 8
	// sweepTail is how long after its end an order is still looked at: a late payment counts.
	sweepTail = 14 * day
	// maxCheckInterval is the longest time between two looks. What is to be looked at later was written by a clock that was ahead.
	maxCheckInterval = 7 * day
	// maxDepositInterval is the longest time between two looks at an order whose deposit is awaited.
	maxDepositInterval = time.Hour
	// crowdingDelay is how long an order waits whose user has many that are due.
	crowdingDelay = 10 * time.Minute
	// maxRetryInterval is the longest time until an order is looked at again whose look-up failed; a day after its tail.
	maxRetryInterval = 15 * time.Minute
)

func (s *Service) newOrderGrace() time.Duration { return cmp.Or(s.Grace, 2*time.Minute) }

// Sweep (누락 결제 보정) finds payments that nobody told us about: it asks the gateway about every attempt to pay
// those orders whose time has come, at most limit of them, and syncs what it finds. It returns how many were due;
// fewer than limit means that nothing more is.
//
// An order is looked at after Grace, and then each time its age has doubled, at least once a week; while a deposit is
// awaited, every hour at least. It is given up by the first look that succeeds two weeks after its end. Any number of
// servers may sweep at once: an order belongs to whoever moves its CheckAt on. If that server dies, the order is due
// again when that time comes. What a server whose clock was ahead put off or gave up is due at once.
func (s *Service) Sweep(ctx context.Context, limit int) (int, error) {
	recalled := s.resetFutureChecks(ctx, limit)
	due, err := s.findDue(ctx, limit)
	if err != nil {
		return 0, fmt.Errorf("find due orders: %w", err)
	}
	return len(due), errors.Join(recalled, forEach("orders", due, func(order Order) error { return s.checkOrder(ctx, order) }))
}

// sweepWindow is how many times a sweep's limit of due orders are considered, to find those of different users.
const sweepWindow = 20

// findDue returns the orders that are due, at most limit of them. When there are more, every user gets their turn, and
// what a user has beyond it is put off if somebody else has to wait: nobody's order waits behind somebody's thousands.
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
	if len(waiting) < 2 && len(due) < sweepWindow*limit { // nobody else waits
		return picked, nil
	}
	return picked, s.putOff(ctx, crowding, now)
}

// dueOrder is an order and which of its user's due orders it is, from 0.
type dueOrder struct {
	Order
	turn int
}

// sortByTurn returns every user's first order, then every user's second one, and so on; each turn in the given order.
func sortByTurn(due []Order) []dueOrder {
	sorted, count := make([]dueOrder, len(due)), map[string]int{}
	for i, o := range due {
		sorted[i] = dueOrder{o, count[o.UserID]}
		count[o.UserID]++
	}
	slices.SortStableFunc(sorted, func(a, b dueOrder) int { return cmp.Compare(a.turn, b.turn) })
	return sorted
}

// putOff makes orders due a little later, so that they do not fill the sweep's window.
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

// forEach calls do for all of them, some at the same time. One that fails, or panics, does not keep the others waiting.
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

// resetFutureChecks makes due what was put off or given up at a time that has not come yet; at most limit orders of each.
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

// checkOrder asks the gateway about one order, unless another server does. An order whose look-up fails is due again soon.
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

// claimCheck sets the order's CheckAt, unless somebody else has since it was read: then the order is theirs.
func (s *Service) claimCheck(ctx context.Context, order Order, next time.Time) (ours bool, err error) {
	err = database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		done := tx.Exec("UPDATE charge_orders SET check_at = ? WHERE merchant_uid = ? AND check_at = ? AND imp_uid IS NULL",
			next, order.MerchantUID, order.CheckAt)
		ours = done.RowsAffected == 1
		return done.Error
	})
	return ours, err
}

// stopChecking ends the looks at an order that was just looked at, if it ended long ago and nobody has paid it.
func (s *Service) stopChecking(ctx context.Context, order Order, now time.Time) error {
	return database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		return tx.Exec(`UPDATE charge_orders SET check_at = NULL, given_up_at = ?
			WHERE merchant_uid = ? AND check_at = ? AND imp_uid IS NULL AND expires_at < ?`,
			now, order.MerchantUID, order.CheckAt, now.Add(-sweepTail)).Error
	})
}

// ExpireOrders (만료) closes the orders that were not paid in time, at most limit of them, and returns how many. A
// payment or deposit that comes later still counts. It may run at any time, on any number of servers.
func (s *Service) ExpireOrders(ctx context.Context, limit int) (int, error) {
	now, expired := s.points.CurrentTime(), int64(0)
	err := database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		// Asked twice, because the order may be paid, or its deadline moved, while the statement waits for its row.
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
