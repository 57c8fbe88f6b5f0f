package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
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
	Compared      int64      // payments, theirs and ours; not those of the other mode
	Repaired      int64      `gorm:"column:healed"`      // that differed and agree now
	Discrepancies int64      `gorm:"column:differences"` // that differ still
	Note          string     // what the operator should know of the run
	Error         string     // why it failed; empty if it did not
}

// TableName is the table's name in SQL.
func (Run) TableName() string { return "reconciliations" }

// Schedule says how ReconcileDue picks its period. The zero value means the defaults.
type Schedule struct {
	// Overlap is how far a run goes back behind the end of the last one, for what the gateway learnt late; 1 hour.
	Overlap time.Duration
	// LookBack is how far the first run goes back, and then one each day, for what no list shows as new: a payment that
	// was cancelled in part and is still called paid (contract §0.3), a second deposit; 90 days.
	LookBack time.Duration
}

// Reconcile (대조) compares what the gateway says was paid or cancelled between from and to with our books, in both
// directions, and syncs what differs: the lists only raise doubts, a look-up decides. What differs still is kept with
// the run for the operator; so is what was healed. A time to in the future means now. Runs may overlap each other.
//
// It refuses with InvalidArgument when from is not before to. When the gateway or the database fails, the run is kept
// with what it found and its Error, which is returned too; what it healed until then stays healed.
func (s *Service) Reconcile(ctx context.Context, from, to time.Time) (Run, error) {
	return s.execute(ctx, Run{FromAt: from, ToAt: to}, nil)
}

// ReconcileDue reconciles from the end of the last of its runs that succeeded, less Reconciling.Overlap, until now; once
// a day it goes back by Reconciling.LookBack at least. What
// that run and those since could not heal is looked up again, however old it is, on the list of problems or not.
func (s *Service) ReconcileDue(ctx context.Context) (Run, error) {
	run := Run{Scheduled: true, ToAt: s.points.CurrentTime()}
	voided, err := s.voidFutureRuns(ctx)
	if err != nil {
		return Run{}, err
	}
	long := run.ToAt.Add(-cmp.Or(s.Reconciling.LookBack, 90*day))
	lastLong, err := s.readWatermark(ctx, long)
	if err != nil {
		return Run{}, err
	}
	last, err := s.readWatermark(ctx, run.ToAt)
	if err != nil {
		return Run{}, err
	}
	doubts, err := s.readCandidates(ctx, last)
	if err != nil {
		return Run{}, err
	}
	run.FromAt = last.Add(-cmp.Or(s.Reconciling.Overlap, time.Hour))
	if last.IsZero() || long.Before(run.FromAt) && lastLong.Before(run.ToAt.Add(-day)) {
		run.FromAt = long
	}
	if voided > 0 {
		run.addNote("%d runs before it ended in the future and do not count.", voided)
	}
	return s.execute(ctx, run, doubts)
}

// readWatermark is where the last scheduled run ended that succeeded and went back to from, if one did.
func (s *Service) readWatermark(ctx context.Context, from time.Time) (time.Time, error) {
	found, err := gorm.G[Run](s.db).
		Where("scheduled AND finished_at IS NOT NULL AND error = '' AND to_at <= ? AND from_at <= ?", s.points.CurrentTime(), from).
		Order("to_at DESC").Limit(1).Find(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the last reconciliation: %w", err)
	}
	if len(found) == 0 {
		return time.Time{}, nil
	}
	return found[0].ToAt, nil
}

// voidFutureRuns makes failures of the runs that ended in the future, and says how many there were. A clock that went wrong
// made them: they say nothing of what was compared, and must not be believed once their time has come.
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

func (s *Service) execute(ctx context.Context, run Run, doubts []string) (Run, error) {
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
	c := activeRun{Service: s, record: &run, seen: map[string]bool{}, reported: map[string]bool{}, unmatched: map[string]bool{}, candidates: doubts}
	err = c.compare(ctx)
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
			differences = ?, note = ?, error = ? WHERE id = ?`, run.FinishedAt, run.Listed, run.Compared, run.Repaired,
			run.Discrepancies, run.Note, run.Error, run.ID))
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

// Runs are the newest runs, at most 50.
func (s *Service) Runs(ctx context.Context) ([]Run, error) {
	runs, err := gorm.G[Run](s.db).Order("id DESC").Limit(maxReconciliations).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read reconciliations: %w", err)
	}
	return runs, nil
}

// Discrepancies reads what the run found, the healed ones included, in the order in which it was found. There may be
// many, so they come in batches; the last pair has the error that ended them, if one did.
func (s *Service) Discrepancies(ctx context.Context, reconciliationID string) iter.Seq2[Discrepancy, error] {
	return func(yield func(Discrepancy, error) bool) {
		for last := int64(0); ; {
			batch, err := gorm.G[Discrepancy](s.db).Where("reconciliation_id = ? AND position > ?", reconciliationID, last).
				Order("position").Limit(batchSize).Find(ctx)
			if err != nil {
				yield(Discrepancy{}, fmt.Errorf("read differences: %w", err))
				return
			}
			for _, d := range batch {
				if last = d.Position; !yield(d, nil) {
					return
				}
			}
			if len(batch) < batchSize {
				return
			}
		}
	}
}
