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

// expireBatch is how many lots one transaction expires. A spend must not wait for more, and a job that is cut off keeps
// the batches that it has committed.
const expireBatch = 500

// Expire (소멸) writes the EXPIRE lines that are due, of at most limit users, and returns how many users it visited;
// fewer than limit means that nothing more is due. It may run at any time, on any number of servers. Each batch of a
// user's lots is one line and one transaction. It stops with an error that wraps ErrClocksDiffer or ErrLargeExpiry
// before it writes anything that looks like the work of a wrong clock.
func (s *Service) Expire(ctx context.Context, limit int) (int, error) {
	return s.expire(ctx, Actor{Kind: ActorJob, ID: "expire-points"}, limit, s.checkShare)
}

// ExpireLargeShare does what Expire does for an operator who has seen its ErrLargeExpiry and knows that so many points
// are really due. The clocks are compared all the same. It refuses with Forbidden and InvalidArgument.
func (s *Service) ExpireLargeShare(ctx context.Context, operator Actor, limit int) (int, error) {
	if err := checkOperator(operator); err != nil {
		return 0, err
	}
	return s.expire(ctx, operator, limit, func(*gorm.DB, time.Time) error { return nil })
}

// expire visits users until limit is reached or nothing is due. A wallet that fails does not keep the others waiting.
func (s *Service) expire(ctx context.Context, actor Actor, limit int, checkShare func(*gorm.DB, time.Time) error) (visited int, failed error) {
	now, seen := s.CurrentTime(), map[string]bool{}
	for visited < limit {
		users, more, err := s.usersWithDueLots(ctx, now, seen)
		if err != nil || len(users) == 0 {
			return visited, errors.Join(failed, err)
		}
		if visited == 0 {
			db := s.db.WithContext(ctx)
			if err := errors.Join(s.checkClocks(db), checkShare(db, now)); err != nil {
				return 0, err
			}
		}
		for _, user := range users[:min(len(users), limit-visited)] {
			seen[user] = true
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

// usersWithDueLots returns the users of the lots that are due longest, without those that were seen, and whether there
// may be more.
func (s *Service) usersWithDueLots(ctx context.Context, now time.Time, seen map[string]bool) (users []string, more bool, err error) {
	const window = 1000
	var owners []string
	// The order makes the database walk the index of what may expire, and find at once that nothing is due.
	err = s.db.WithContext(ctx).Raw(`SELECT user_id FROM point_lots
		WHERE remaining > 0 AND held = 0 AND expires_at <= ? ORDER BY expires_at LIMIT ?`, now, window).Scan(&owners).Error
	if err != nil {
		return nil, false, fmt.Errorf("find expired lots: %w", err)
	}
	listed := map[string]bool{}
	for _, owner := range owners {
		if !seen[owner] && !listed[owner] {
			listed[owner], users = true, append(users, owner)
		}
	}
	return users, len(owners) == window, nil
}

// expireUser expires what is due of one user, batch after batch.
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

// expireLots writes one EXPIRE line for at most expireBatch of the user's lots that are due, and tells whether there
// may be more. What a refund holds waits for the refund, and the lots in spared for a clawback. The caller holds the
// wallet's lock.
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

// ExpireDue writes the EXPIRE line of the user's lots whose time has come, before points are taken from others. At most
// one batch of them: the rest is left to the job, and is not spendable either way. It writes nothing when the clocks
// or the amount look wrong: the job will say so. The caller holds the wallet's lock.
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
	switch err := errors.Join(s.checkClocks(tx), checkSampledShare(tx, now)); {
	case errors.Is(err, ErrClocksDiffer), errors.Is(err, ErrLargeExpiry):
		return nil
	case err != nil:
		return err
	}
	_, err := expireLots(tx, actor, wallet.UserID, now, nil)
	return err
}

// expireAll writes all EXPIRE lines of the user that are due, but for the lots in spared, and refuses when the clocks
// look wrong. A clawback needs it before it makes debt: what has expired can repay nothing. The caller holds the
// wallet's lock.
func (s *Service) expireAll(tx *gorm.DB, actor Actor, userID string, now time.Time, spared []string) error {
	wallet, err := readWallet(tx, userID, now)
	if err != nil || wallet.Due == 0 {
		return err
	}
	err = s.checkClocks(tx)
	for more := true; more && err == nil; {
		more, err = expireLots(tx, actor, userID, now, spared)
	}
	return err
}

// The reasons for which points do not expire although they are due by this server's clock.
var (
	// ErrClocksDiffer means that this server's clock and the database's are more than a few minutes apart.
	ErrClocksDiffer = errors.New("expiry stopped: the clocks differ")
	// ErrLargeExpiry means that an implausible share of all points would expire at once.
	ErrLargeExpiry = errors.New("expiry stopped: an implausible share of all points would expire")
)

// maxClockDifference is how far apart two clocks may be that are both kept right.
const maxClockDifference = 5 * time.Minute

// checkClocks returns an error that wraps ErrClocksDiffer unless this server's clock and the database's agree. On
// SQLite both are the machine's.
func (s *Service) checkClocks(tx *gorm.DB) error {
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

// The share of all points that may expire at once is half of them, unless they are very few lots: a small shop's points
// may well end together.
const (
	shareSample     = 1000 // lots
	minLotsForShare = 20
)

// checkShare returns an error that wraps ErrLargeExpiry if more than half of all points are due. It adds up all
// wallets only when a sample says that this may be so.
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

// checkSampledShare returns ErrLargeExpiry if more points are due than the next thousand lots to expire have, or if
// there are so many lots that the sample does not say.
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

// checkOperator refuses actors that may not decide for others.
func checkOperator(actor Actor) error {
	if err := actor.Validate(); err != nil {
		return err
	}
	if !actor.IsOperator() {
		return apierror.New(apierror.Forbidden, "Only an operator may do this.")
	}
	return nil
}
