package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
)

// Run (대조) is one comparison of the books with the gateway's lists, and a row of the database.
type Run struct {
	ID         string    `gorm:"primaryKey"`
	Scheduled  bool      // by ReconcileDue: the next scheduled run begins at the end of this period
	FromAt     time.Time // the compared period, both ends included
	ToAt       time.Time
	StartedAt  time.Time
	FinishedAt *time.Time // nil during the run, and for ever if the process died
	Listed     int64      // payments in the gateway's lists, each counted once
	Compared   int64      // payments in the books or for known orders, of this mode
	Repaired   int64      `gorm:"column:healed"` // differed, and agree now
	// differ after the look-up
	Discrepancies int64  `gorm:"column:differences"`
	Foreign       int64  `gorm:"column:foreign_listed"` // listed payments for no known order
	OtherMode     int64  // listed payments of the other mode for known orders
	Note          string // for the operator
	Error         string // the failure; empty after a success
}

// TableName is the table's name in SQL.
func (Run) TableName() string { return "reconciliations" }

// Reconcile (대조) compares the gateway's paid and cancelled payments between from and to with the
// books, in both directions, and syncs payments that differ. The lists only name candidates; a
// look-up decides. Payments that still differ are kept as a Discrepancy for the operator, and so
// are repaired payments. A time to in the future means now. Runs may overlap each other.
//
// Errors: InvalidArgument when from is not before to. When the gateway or the database fails, the
// run and its findings are kept with the returned error in Error, and repaired payments stay
// repaired.
func (s *Service) Reconcile(ctx context.Context, from, to time.Time) (Run, error) {
	return s.executeRun(ctx, Run{FromAt: from, ToAt: to})
}

// ReconcileDue reconciles from the end of its last successful run, less Reconciling.Overlap, until
// now. Once a day the period goes back by Reconciling.LookBack at least. After the comparison the
// run looks up known discrepancies that are due, however old, within bounds, and deletes runs older
// than Reconciling.Retention.
func (s *Service) ReconcileDue(ctx context.Context) (Run, error) {
	run := Run{Scheduled: true, ToAt: s.points.CurrentTime()}
	voided, err := s.voidFutureRuns(ctx)
	if err != nil {
		return Run{}, err
	}
	if run.FromAt, err = s.beginOfPeriod(ctx, run.ToAt); err != nil {
		return Run{}, err
	}
	if voided > 0 {
		run.addNote("%d runs before it ended in the future and do not count.", voided)
	}
	run, err = s.executeRun(ctx, run)
	if ctx.Err() == nil {
		err = errors.Join(err, s.deleteOld(ctx))
	}
	return run, err
}

// beginOfPeriod returns where the period of a scheduled run until now begins.
func (s *Service) beginOfPeriod(ctx context.Context, now time.Time) (time.Time, error) {
	long := now.Add(-s.Reconciling.lookBackOrDefault())
	lastLong, err := s.readLastRun(ctx, long)
	if err != nil {
		return time.Time{}, err
	}
	last, err := s.readLastRun(ctx, now)
	if err != nil {
		return time.Time{}, err
	}
	failedLong, err := s.lastLongFailed(ctx)
	if err != nil {
		return time.Time{}, err
	}
	short := last.ToAt.Add(-s.Reconciling.overlapOrDefault())
	isLongDue := long.Before(short) && lastLong.ToAt.Before(now.Add(-day))
	if last.ID == "" || isLongDue && !failedLong {
		return long, nil
	}
	return short, nil
}

// lastLongFailed tells whether the newest scheduled run had a long period and failed. The next run
// is then short: a long run that never reaches its end must not keep new payments from the
// comparison.
func (s *Service) lastLongFailed(ctx context.Context) (bool, error) {
	found, err := gorm.G[Run](s.db).Where("scheduled").Order("id DESC").Limit(1).Find(ctx)
	if err != nil {
		return false, fmt.Errorf("read the newest reconciliation: %w", err)
	}
	if len(found) == 0 {
		return false, nil
	}
	run := found[0]
	return (run.Error != "" || run.FinishedAt == nil) && run.ToAt.Sub(run.FromAt) >= s.Reconciling.lookBackOrDefault()-time.Second, nil
}

// readLastRun returns the last successful scheduled run that went back to from, or a zero Run. The
// end of the run is the watermark of the next run.
func (s *Service) readLastRun(ctx context.Context, from time.Time) (Run, error) {
	found, err := gorm.G[Run](s.db).
		Where("scheduled AND finished_at IS NOT NULL AND error = '' AND to_at <= ? AND from_at <= ?", s.points.CurrentTime(), from).
		Order("to_at DESC").Limit(1).Find(ctx)
	if err != nil {
		return Run{}, fmt.Errorf("read the last reconciliation: %w", err)
	}
	if len(found) == 0 {
		return Run{}, nil
	}
	return found[0], nil
}

// voidFutureRuns marks runs with an end in the future as failed, and returns their number. A wrong
// clock wrote such runs. The compared periods are unknown, and must not count once the time has
// come.
func (s *Service) voidFutureRuns(ctx context.Context) (n int64, err error) {
	err = database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		done := tx.Exec(`UPDATE reconciliations SET error = 'ended in the future'
			WHERE scheduled AND finished_at IS NOT NULL AND error = '' AND to_at > ?`, s.points.CurrentTime())
		n = done.RowsAffected
		return done.Error
	})
	if err != nil {
		return 0, fmt.Errorf("void reconciliations of the future: %w", err)
	}
	return n, nil
}

func (s *Service) executeRun(ctx context.Context, run Run) (Run, error) {
	run.StartedAt = s.points.CurrentTime()
	run.FromAt = run.FromAt.UTC().Truncate(time.Second)
	run.ToAt = earlierOf(run.ToAt.UTC(), run.StartedAt).Truncate(time.Second)
	if !run.FromAt.Before(run.ToAt) || run.FromAt.Unix() < 0 {
		return Run{}, apierror.New(apierror.InvalidArgument, "A period begins before it ends, before now and after 1970.")
	}
	var err error
	if run.ID, err = database.NewID(); err != nil {
		return Run{}, err
	}
	begin := func(tx *gorm.DB) error { return tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&run).Error }
	if err := database.Transact(ctx, s.db, begin); err != nil {
		return Run{}, fmt.Errorf("begin reconciliation: %w", err)
	}
	c := newActiveRun(s, &run)
	err = c.compareLists(ctx)
	if run.Scheduled && ctx.Err() == nil {
		c.recheckOpen(ctx)
	}
	if len(c.broken) > 0 { // one payment must not stop the watermark
		run.addNote("%d payments could not be looked into.", len(c.broken))
	}
	return run, errors.Join(err, apierror.Summarize("payments", c.broken), s.finishRun(ctx, &run, err))
}

// finishRun writes the end of the run, also after the caller has left.
func (s *Service) finishRun(ctx context.Context, run *Run, failure error) error {
	run.FinishedAt = new(s.points.CurrentTime())
	if failure != nil {
		run.Error = describeError(failure)
	}
	err := database.Transact(context.WithoutCancel(ctx), s.db, func(tx *gorm.DB) error {
		return database.ExactlyOne(tx.Exec(`UPDATE reconciliations SET finished_at = ?, listed = ?, compared = ?, healed = ?,
			differences = ?, foreign_listed = ?, other_mode = ?, note = ?, error = ? WHERE id = ?`, run.FinishedAt, run.Listed,
			run.Compared, run.Repaired, run.Discrepancies, run.Foreign, run.OtherMode, run.Note, run.Error, run.ID))
	})
	if err != nil {
		return fmt.Errorf("keep reconciliation %s: %w", run.ID, err)
	}
	return nil
}

func (r *Run) addNote(format string, args ...any) {
	r.Note = strings.TrimSpace(r.Note + " " + fmt.Sprintf(format, args...))
}

// describeError returns the part of an error that operators may see.
func describeError(err error) string {
	if e, ok := errors.AsType[*apierror.Error](err); ok {
		return fmt.Sprintf("%s: %s", e.Code, e.Message)
	}
	return string(apierror.Internal)
}

// maxRuns is the longest list of runs.
const maxRuns = 50

// Runs returns the newest runs, at most 50.
func (s *Service) Runs(ctx context.Context) ([]Run, error) {
	runs, err := gorm.G[Run](s.db).Order("id DESC").Limit(maxRuns).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read reconciliations: %w", err)
	}
	return runs, nil
}
