package point

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
)

// expireBatch is how many lots one transaction expires. A spend must not wait for more, and an
// interrupted job keeps the committed batches.
const expireBatch = 500

// Expire (소멸) writes the due EXPIRE lines of at most limit users, and returns the number of visited
// users; fewer than limit means that no more are due. Expire may run at any time, on any number of
// servers. Each batch of a user's lots is one line and one transaction. An error that wraps
// ErrClocksDiffer or ErrLargeExpiry stops the run before any write that looks like the work of a
// wrong clock.
func (s *Service) Expire(ctx context.Context, limit int) (int, error) {
	return s.expire(ctx, Actor{Kind: ActorJob, ID: "expire-points"}, limit, s.checkShare)
}

// ExpireLargeShare is Expire for an operator who has seen ErrLargeExpiry and knows that so many
// points are really due. The clocks are still compared. Errors: Forbidden and InvalidArgument.
func (s *Service) ExpireLargeShare(ctx context.Context, operator Actor, limit int) (int, error) {
	if err := checkOperator(operator); err != nil {
		return 0, err
	}
	return s.expire(ctx, operator, limit, func(*gorm.DB, time.Time) error { return nil })
}

// expire visits users until limit is reached or no lot is due. A failing wallet stops no other.
func (s *Service) expire(ctx context.Context, actor Actor, limit int, checkShare func(*gorm.DB, time.Time) error) (visited int, failed error) {
	var seen []string
	now := s.CurrentTime()
	for visited < limit {
		users, more, err := s.usersWithDueLots(ctx, now, seen)
		if err != nil || len(users) == 0 {
			return visited, errors.Join(failed, err)
		}
		if visited == 0 {
			db := s.db.WithContext(ctx)
			if err := errors.Join(s.CheckClocks(db), checkShare(db, now)); err != nil {
				return 0, err
			}
		}
		for _, user := range users[:min(len(users), limit-visited)] {
			seen = append(seen, user)
			visited++
			if err := s.expireUser(ctx, actor, user, now); err != nil {
				failed = errors.Join(failed, fmt.Errorf("expire %s: %w", user, err))
			}
		}
		if !more {
			break
		}
	}
	return visited, failed
}

// usersWithDueLots returns the users of the lots that are due longest, except users already seen,
// and whether there may be more.
func (s *Service) usersWithDueLots(ctx context.Context, now time.Time, seen []string) (users []string, more bool, err error) {
	const window = 1000
	var owners []string
	q := s.db.WithContext(ctx).Table("point_lots").Where("remaining > 0 AND held = 0 AND expires_at <= ?", now)
	if len(seen) > 0 { // a failing wallet's lots stay due, and may fill the window
		q = q.Where("user_id NOT IN ?", seen)
	}
	// The order makes the database walk the index of expiring lots, and stop at once when no lot is
	// due.
	err = q.Order("expires_at").Limit(window).Pluck("user_id", &owners).Error
	if err != nil {
		return nil, false, fmt.Errorf("find expired lots: %w", err)
	}
	listed := map[string]bool{}
	for _, owner := range owners {
		if !listed[owner] {
			listed[owner], users = true, append(users, owner)
		}
	}
	return users, len(owners) == window, nil
}

// expireUser expires the due lots of one user, batch after batch.
func (s *Service) expireUser(ctx context.Context, actor Actor, user string, now time.Time) error {
	for more := true; more; {
		err := database.Transact(ctx, s.db, func(tx *gorm.DB) (err error) {
			if err := LockWallet(tx, user); err != nil {
				return err
			}
			more, err = expireLots(tx, actor, user, now, nil)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// expireLots writes one EXPIRE line for at most expireBatch of the user's due lots, and tells
// whether there may be more. Points held by a refund wait for the refund, and the lots in spared
// for a clawback. The caller holds the wallet's lock.
func expireLots(tx *gorm.DB, actor Actor, userID string, now time.Time, spared []string) (more bool, err error) {
	var due []Lot
	q := tx.Select("id, remaining"). // held < 1 keeps the index of all users' due lots out of the plan
						Where("user_id = ? AND remaining > 0 AND held < 1 AND expires_at <= ?", userID, now)
	if len(spared) > 0 {
		q = q.Where("id NOT IN ?", spared)
	}
	err = q.Order(spendOrder).Limit(expireBatch).Find(&due).Error
	if err != nil {
		return false, fmt.Errorf("read expired lots: %w", err)
	}
	if len(due) == 0 {
		return false, nil
	}
	line := Transaction{UserID: userID, Kind: KindExpire, Actor: actor, CreatedAt: now, Description: "포인트 소멸"}
	parts := make([]lotPart, len(due))
	for i, lot := range due {
		parts[i] = lotPart{lot.ID, lot.Remaining}
		line.Amount -= lot.Remaining
	}
	if err := appendLine(tx, &line); err != nil {
		return false, err
	}
	return len(due) == expireBatch, consumeLots(tx, line, Used, parts)
}

// ExpireDue writes the EXPIRE line of the user's due lots, before points are taken from other lots.
// The line covers at most one batch: the rest is left to the job, and is not spendable either way.
// If the clocks or the amount look wrong, ExpireDue writes nothing, and the job reports the
// problem. The caller holds the wallet's lock.
func (s *Service) ExpireDue(tx *gorm.DB, actor Actor, userID string, now time.Time) error {
	wallet, err := readWallet(tx, userID, now)
	if err != nil {
		return err
	}
	return s.expireDue(tx, actor, wallet, now)
}

func (s *Service) expireDue(tx *gorm.DB, actor Actor, wallet Wallet, now time.Time) error {
	if wallet.Due == 0 {
		return nil
	}
	switch err := errors.Join(s.CheckClocks(tx), checkSampledShare(tx, now)); {
	case errors.Is(err, ErrClocksDiffer), errors.Is(err, ErrLargeExpiry):
		return nil
	case err != nil:
		return err
	}
	_, err := expireLots(tx, actor, wallet.UserID, now, nil)
	return err
}

// expireAll writes all due EXPIRE lines of the user, except for the lots in spared, and refuses
// when the clocks look wrong. A clawback needs expireAll before making debt: expired points can
// repay no debt. The caller holds the wallet's lock.
func (s *Service) expireAll(tx *gorm.DB, actor Actor, userID string, now time.Time, spared []string) error {
	wallet, err := readWallet(tx, userID, now)
	if err != nil || wallet.Due == 0 {
		return err
	}
	err = s.CheckClocks(tx)
	for more := true; more && err == nil; {
		more, err = expireLots(tx, actor, userID, now, spared)
	}
	return err
}

// The reasons why points do not expire although due by this server's clock.
var (
	// ErrClocksDiffer means that this server's clock and the database's are more than a few minutes
	// apart.
	ErrClocksDiffer = errors.New("expiry stopped: the clocks differ")
	// ErrLargeExpiry means that an implausible share of all points would expire at once.
	ErrLargeExpiry = errors.New("expiry stopped: an implausible share of all points would expire")
)

// maxClockDifference is the greatest difference of two correct clocks.
const maxClockDifference = 5 * time.Minute

// CheckClocks returns an error that wraps ErrClocksDiffer unless this server's clock and the
// database's agree. On SQLite both are the machine's.
func (s *Service) CheckClocks(tx *gorm.DB) error {
	read := readDatabaseClock
	if s.DatabaseClock != nil {
		read = s.DatabaseClock
	}
	theirs, err := read(tx)
	if err != nil {
		return fmt.Errorf("read the database's clock: %w", err)
	}
	ours := s.CurrentTime()
	if ours.Sub(theirs).Abs() > maxClockDifference {
		return fmt.Errorf("%w: it is %s by this server and %s by the database", ErrClocksDiffer,
			ours.Format(time.RFC3339), theirs.UTC().Format(time.RFC3339))
	}
	return nil
}

func readDatabaseClock(tx *gorm.DB) (time.Time, error) {
	if tx.Name() == "sqlite" {
		var text string
		err := tx.Raw("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')").Scan(&text).Error
		if err != nil {
			return time.Time{}, err
		}
		return time.Parse(time.RFC3339Nano, text)
	}
	var now time.Time
	return now, tx.Raw("SELECT clock_timestamp()").Scan(&now).Error
}

// At most half of all points may expire at once, except in few lots: a small shop's points may well
// end together.
const (
	shareSample     = 1000 // lots
	minLotsForShare = 20
)

// checkShare returns an error that wraps ErrLargeExpiry if more than half of all points are due.
// All wallets are added up only after a suspicious sample.
func (s *Service) checkShare(tx *gorm.DB, now time.Time) error {
	if err := checkSampledShare(tx, now); !errors.Is(err, ErrLargeExpiry) {
		return err
	}
	var sum struct{ Due, Total int64 }
	err := tx.Raw(`SELECT
		(SELECT CAST(COALESCE(SUM(remaining), 0) AS bigint) FROM point_lots
			WHERE remaining > 0 AND held = 0 AND expires_at <= ?) AS due,
		(SELECT CAST(COALESCE(SUM(balance), 0) AS bigint) FROM wallets WHERE balance > 0) AS total`, now).Scan(&sum).Error
	if err != nil {
		return fmt.Errorf("add up what is due: %w", err)
	}
	if sum.Due <= sum.Total/2 {
		return nil
	}
	return fmt.Errorf("%w: %d of %d; check the clock, then let an operator confirm", ErrLargeExpiry, sum.Due, sum.Total)
}

// checkSampledShare returns ErrLargeExpiry if more points are due than the next thousand expiring
// lots have, or if the sample is too small for an answer.
func checkSampledShare(tx *gorm.DB, now time.Time) error {
	type sample struct{ Lots, Points int64 }
	read := func(comparison string) (found sample, err error) {
		err = tx.Raw(`SELECT COUNT(*) AS lots, CAST(COALESCE(SUM(remaining), 0) AS bigint) AS points FROM (
			SELECT remaining FROM point_lots WHERE remaining > 0 AND held = 0 AND expires_at `+comparison+` ?
			ORDER BY expires_at LIMIT ?) sample`, now, shareSample).Scan(&found).Error
		return found, err
	}
	due, err := read("<=")
	if err != nil || due.Lots < minLotsForShare {
		return err
	}
	live, err := read(">")
	if err == nil && (due.Lots == shareSample || due.Points > live.Points) {
		err = ErrLargeExpiry
	}
	return err
}

// checkOperator refuses actors without the right to decide for other users.
func checkOperator(actor Actor) error {
	if err := actor.Validate(); err != nil {
		return err
	}
	if !actor.IsOperator() {
		return apierror.New(apierror.Forbidden, "Only an operator may do this.")
	}
	return nil
}
