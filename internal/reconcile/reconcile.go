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

// Run (대조) is one comparison of our books with the gateway's lists, and our row of it.
type Run struct {
	ID            string    `gorm:"primaryKey"`
	Scheduled     bool      // by ReconcileDue: the next one begins where it ended
	FromAt        time.Time // the period that was compared, both included
	ToAt          time.Time
	StartedAt     time.Time
	FinishedAt    *time.Time // nil while it runs, and for ever if its process died
	Listed        int64      // payments in the gateway's lists, each counted once
	Compared      int64      // payments of ours, theirs and ours; not those of the other mode
	Repaired      int64      `gorm:"column:healed"`         // that differed and agree now
	Discrepancies int64      `gorm:"column:differences"`    // that differ still, of those that were looked up
	Foreign       int64      `gorm:"column:foreign_listed"` // listed payments for no order of ours
	OtherMode     int64      // listed payments of the other mode for orders of ours
	Note          string     // what the operator should know of the run
	Error         string     // why it failed; empty if it did not
}

// TableName is the table's name in SQL.
func (Run) TableName() string { return "reconciliations" }

// Reconcile (대조) compares what the gateway says was paid or cancelled between from and to with our books, in both
// directions, and syncs what differs: the lists only name candidates, a look-up decides. What differs still is kept as a
// Discrepancy for the operator; so is what was repaired. A time to in the future means now. Runs may overlap each other.
//
// It refuses with InvalidArgument when from is not before to. When the gateway or the database fails, the run is kept
// with what it found and its Error, which is returned too; what it repaired until then stays repaired.
func (s *Service) Reconcile(ctx context.Context, from, to time.Time) (Run, error) {
	return s.execute(ctx, Run{FromAt: from, ToAt: to})
}

// ReconcileDue reconciles from the end of the last of its runs that succeeded, less Reconciling.Overlap, until now; once
// a day it goes back by Reconciling.LookBack at least. After the comparison it looks up known discrepancies that are due,
// however old they are, within bounds, and deletes runs that are older than Reconciling.Retention.
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
	run, err = s.execute(ctx, run)
	if ctx.Err() == nil {
		err = errors.Join(err, s.deleteOld(ctx))
	}
	return run, err
}

// beginOfPeriod returns where the period of a scheduled run until now begins.
func (s *Service) beginOfPeriod(ctx context.Context, now time.Time) (time.Time, error) {
	long := now.Add(-s.Reconciling.lookBack())
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
	short := last.ToAt.Add(-s.Reconciling.overlap())
	isLongDue := long.Before(short) && lastLong.ToAt.Before(now.Add(-day))
	if last.ID == "" || isLongDue && !failedLong {
		return long, nil
	}
	return short, nil
}

// lastLongFailed tells whether the newest scheduled run went far back and failed. Then a short one comes first: a long
// one that never reaches its end must not keep new payments from being compared.
func (s *Service) lastLongFailed(ctx context.Context) (bool, error) {
	found, err := gorm.G[Run](s.db).Where("scheduled").Order("id DESC").Limit(1).Find(ctx)
	if err != nil {
		return false, fmt.Errorf("read the newest reconciliation: %w", err)
	}
	if len(found) == 0 {
		return false, nil
	}
	run := found[0]
	return (run.Error != "" || run.FinishedAt == nil) && run.ToAt.Sub(run.FromAt) >= s.Reconciling.lookBack()-time.Second, nil
}

// readLastRun returns the last scheduled run that succeeded and went back to from; a zero one if there is none. Its end
// is the watermark of the next run.
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

// voidFutureRuns makes failures of the runs that ended in the future, and says how many there were. A clock that was
// wrong made them: they say nothing of what was compared, and must not be believed once their time has come.
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

func (s *Service) execute(ctx context.Context, run Run) (Run, error) {
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
	err = c.compare(ctx)
	if run.Scheduled && ctx.Err() == nil {
		c.recheckOpen(ctx)
	}
	if len(c.broken) > 0 { // one payment must not stop the watermark
		run.addNote("%d payments could not be looked into.", len(c.broken))
	}
	return run, errors.Join(err, apierror.Summarize("payments", c.broken), s.finishRun(ctx, &run, err))
}

// finishRun writes how the run ended, also when its caller has left.
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

// describeError is what may be shown of an error.
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
