package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"pointcharge/internal/database"
)

const (
	firstRecheck = 10 * time.Minute
	lastRecheck  = day
)

// recheckAfter is how long to wait for the next look-up: ten minutes, then twice as long each time,
// up to a day.
func recheckAfter(checks int64) time.Duration {
	if checks > 8 {
		return lastRecheck
	}
	return min(firstRecheck<<(checks-1), lastRecheck)
}

// mayBeLookedUp tells whether another look-up can help. Look-ups hide payments of the other mode.
func (d Discrepancy) mayBeLookedUp() bool { return d.ImpUID != "" && d.Kind != DifferentMode }

// isCurrent selects the payment's one discrepancy in a state other than REPAIRED. The states are
// written out, because SQLite matches a partial index only with literals.
const isCurrent = "state <> 'REPAIRED'"

// currentDiscrepancies reads the unrepaired discrepancies of payments, by imp_uid.
func (s *Service) currentDiscrepancies(ctx context.Context, impUIDs []string) (map[string]*Discrepancy, error) {
	current := make(map[string]*Discrepancy, len(impUIDs))
	if len(impUIDs) == 0 {
		return current, nil
	}
	rows, err := gorm.G[Discrepancy](s.db).Where("imp_uid IN ? AND "+isCurrent, impUIDs).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read current discrepancies: %w", err)
	}
	for i := range rows {
		current[rows[i].ImpUID] = &rows[i]
	}
	return current, nil
}

// selectDue selects due rows. A row from the future was written by a clock running ahead, and is
// due at once.
const selectDue = `SELECT imp_uid FROM discrepancies
	WHERE state = 'OPEN' AND (check_at <= ? OR last_seen > ?) AND imp_uid <> '' AND kind <> ? AND last_run_id <> ?
	ORDER BY check_at LIMIT ?`

// readDue returns the payments whose open discrepancies are due for another look-up, the longest
// due first.
func (c *activeRun) readDue(ctx context.Context, limit int) (impUIDs []string, err error) {
	err = c.db.WithContext(ctx).Raw(selectDue, c.record.StartedAt, c.record.StartedAt, DifferentMode, c.record.ID, limit).
		Scan(&impUIDs).Error
	if err != nil {
		return nil, fmt.Errorf("read due discrepancies: %w", err)
	}
	return impUIDs, nil
}

// reportOpen keeps a payment that still differs. An ignored discrepancy stays ignored until the
// payment differs in another way.
func (c *activeRun) reportOpen(ctx context.Context, d Discrepancy) error {
	d, err := c.completeRow(d, Open)
	if err != nil {
		return err
	}
	d.Checks = 1
	if d.mayBeLookedUp() {
		d.CheckAt = new(d.LastSeen.Add(recheckAfter(1)))
	}
	var stored Discrepancy
	err = database.Transact(ctx, c.db, func(tx *gorm.DB) (err error) {
		stored, err = upsertOpen(tx, d)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep discrepancy: %w", err)
	}
	if stored.State == Open {
		c.countOnce(d.ImpUID, &c.record.Discrepancies)
	}
	return nil
}

// completeRow fills the fields common to every row of this run.
func (c *activeRun) completeRow(d Discrepancy, state DiscrepancyState) (Discrepancy, error) {
	id, err := database.NewID()
	now := c.points.CurrentTime()
	d.ID, d.State, d.LastRunID, d.FirstSeen, d.LastSeen, d.Checks = id, state, c.record.ID, now, now, 1
	return d, err
}

// upsertOpen inserts an open discrepancy, or merges d into the payment's current discrepancy, and
// returns the resulting row.
func upsertOpen(tx *gorm.DB, d Discrepancy) (Discrepancy, error) {
	for range 2 { // the current one may be repaired by another run between the two statements
		created := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&d)
		if created.Error != nil || created.RowsAffected == 1 {
			return d, created.Error
		}
		current, err := lockCurrent(tx, d.ImpUID)
		if err != nil {
			return Discrepancy{}, err
		}
		if current != nil {
			return d, d.mergeInto(tx, current)
		}
	}
	return Discrepancy{}, errors.New("the payment's discrepancy changes all the time")
}

// lockCurrent reads and locks the payment's unrepaired discrepancy, if any.
func lockCurrent(tx *gorm.DB, impUID string) (*Discrepancy, error) {
	var rows []Discrepancy
	err := tx.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).
		Where("imp_uid = ? AND "+isCurrent, impUID).Limit(1).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// mergeInto writes the newer facts of d into the current row, and gives d the resulting state.
func (d *Discrepancy) mergeInto(tx *gorm.DB, current *Discrepancy) error {
	d.ID, d.FirstSeen = current.ID, current.FirstSeen
	if d.isSame(*current) {
		d.State, d.ClosedAt, d.Checks = current.State, current.ClosedAt, current.Checks+1
	}
	switch {
	case d.State == Ignored:
		d.CheckAt = nil
	case d.CheckAt != nil:
		d.CheckAt = new(d.LastSeen.Add(recheckAfter(d.Checks)))
	}
	return database.ExactlyOne(tx.Exec(`UPDATE discrepancies SET merchant_uid = ?, kind = ?, ours = ?, theirs = ?, state = ?,
		has_problem = ?, last_run_id = ?, last_seen = ?, checks = ?, check_at = ?, closed_at = ? WHERE id = ?`, d.MerchantUID, d.Kind,
		d.Ours, d.Theirs, d.State, d.HasProblem, d.LastRunID, d.LastSeen, d.Checks, d.CheckAt, d.ClosedAt, d.ID))
}

// reportRepaired keeps a payment that differed before this run's repair. The payment's current
// discrepancy is closed.
func (c *activeRun) reportRepaired(ctx context.Context, d Discrepancy) error {
	d, err := c.completeRow(d, Repaired)
	if err != nil {
		return err
	}
	d.ClosedAt, d.HasProblem = &d.LastSeen, false
	err = database.Transact(ctx, c.db, func(tx *gorm.DB) error {
		closed := tx.Exec(`UPDATE discrepancies SET merchant_uid = ?, kind = ?, ours = ?, theirs = ?, state = ?, has_problem = FALSE,
			last_run_id = ?, last_seen = ?, check_at = NULL, closed_at = ? WHERE imp_uid = ? AND `+isCurrent, d.MerchantUID, d.Kind,
			d.Ours, d.Theirs, Repaired, d.LastRunID, d.LastSeen, d.ClosedAt, d.ImpUID)
		if closed.Error != nil || closed.RowsAffected > 0 {
			return closed.Error
		}
		return tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&d).Error
	})
	if err != nil {
		return fmt.Errorf("keep repaired discrepancy: %w", err)
	}
	c.countOnce(d.ImpUID, &c.record.Repaired)
	return nil
}

// closeAgreed closes the payment's open discrepancy, if any, after a look-up found no difference.
func (c *activeRun) closeAgreed(ctx context.Context, impUID, ours, theirs string) error {
	now, closed := c.points.CurrentTime(), int64(0)
	err := database.Transact(ctx, c.db, func(tx *gorm.DB) error {
		done := tx.Exec(`UPDATE discrepancies SET state = ?, ours = ?, theirs = ?, has_problem = FALSE, last_run_id = ?, last_seen = ?,
			check_at = NULL, closed_at = ? WHERE imp_uid = ? AND state = 'OPEN' AND `+isCurrent,
			Repaired, ours, theirs, c.record.ID, now, now, impUID)
		closed = done.RowsAffected
		return done.Error
	})
	if err != nil {
		return fmt.Errorf("close discrepancy: %w", err)
	}
	if closed > 0 {
		c.countOnce(impUID, &c.record.Repaired)
	}
	return nil
}

// countOnce adds the payment to one of the run's counts, once per run.
func (c *activeRun) countOnce(impUID string, to *int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.counted[impUID] {
		c.counted[impUID] = true
		*to++
	}
}
