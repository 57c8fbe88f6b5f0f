package point

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

	"pointcharge/internal/database"
)

// Reconciliation (대조) is one comparison of our books with the gateway's lists, and our row of it.
type Reconciliation struct {
	ID          string    `gorm:"primaryKey"`
	Scheduled   bool      // by ReconcileDue: the next one begins where it ended
	FromAt      time.Time // the period that was compared, both included
	ToAt        time.Time
	StartedAt   time.Time
	FinishedAt  *time.Time // nil while it runs, and for ever if its process died
	Listed      int64      // payments in the gateway's lists, each counted once
	Compared    int64      // payments, theirs and ours; not those of the other mode
	Healed      int64      // that differed and agree now
	Differences int64      // that differ still
	Note        string     // what the operator should know of the run
	Error       string     // why it failed; empty if it did not
}

// TableName is the table's name in SQL.
func (Reconciliation) TableName() string { return "reconciliations" }

// Reconciling says how ReconcileDue picks its period. The zero value means the defaults.
type Reconciling struct {
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
func (s *Service) Reconcile(ctx context.Context, from, to time.Time) (Reconciliation, error) {
	return s.reconcile(ctx, Reconciliation{FromAt: from, ToAt: to}, nil)
}

// ReconcileDue reconciles from the end of the last of its runs that succeeded, less Reconciling.Overlap, until now; once
// a day it goes back by Reconciling.LookBack at least. What
// that run and those since could not heal is looked up again, however old it is, on the list of problems or not.
func (s *Service) ReconcileDue(ctx context.Context) (Reconciliation, error) {
	run := Reconciliation{Scheduled: true, ToAt: s.now()}
	voided, err := s.voidFuture(ctx)
	if err != nil {
		return Reconciliation{}, err
	}
	long := run.ToAt.Add(-cmp.Or(s.Reconciling.LookBack, 90*day))
	lastLong, err := s.watermark(ctx, long)
	if err != nil {
		return Reconciliation{}, err
	}
	last, err := s.watermark(ctx, run.ToAt)
	if err != nil {
		return Reconciliation{}, err
	}
	doubts, err := s.undecided(ctx, last)
	if err != nil {
		return Reconciliation{}, err
	}
	run.FromAt = last.Add(-cmp.Or(s.Reconciling.Overlap, time.Hour))
	if last.IsZero() || long.Before(run.FromAt) && lastLong.Before(run.ToAt.Add(-day)) {
		run.FromAt = long
	}
	if voided > 0 {
		run.note("%d runs before it ended in the future and do not count.", voided)
	}
	return s.reconcile(ctx, run, doubts)
}

// watermark is where the last scheduled run ended that succeeded and went back to from, if one did.
func (s *Service) watermark(ctx context.Context, from time.Time) (time.Time, error) {
	found, err := gorm.G[Reconciliation](s.DB).
		Where("scheduled AND finished_at IS NOT NULL AND error = '' AND to_at <= ? AND from_at <= ?", s.now(), from).
		Order("to_at DESC").Limit(1).Find(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the last reconciliation: %w", err)
	}
	if len(found) == 0 {
		return time.Time{}, nil
	}
	return found[0].ToAt, nil
}

// voidFuture makes failures of the runs that ended in the future, and says how many there were. A clock that went wrong
// made them: they say nothing of what was compared, and must not be believed once their time has come.
func (s *Service) voidFuture(ctx context.Context) (n int64, err error) {
	err = database.Transact(ctx, s.DB, func(tx *gorm.DB) error {
		done := tx.Exec(`UPDATE reconciliations SET error = 'ended in the future'
			WHERE scheduled AND finished_at IS NOT NULL AND error = '' AND to_at > ?`, s.now())
		n = done.RowsAffected
		return done.Error
	})
	if err != nil {
		return 0, fmt.Errorf("void reconciliations of the future: %w", err)
	}
	return n, nil
}

func (s *Service) reconcile(ctx context.Context, run Reconciliation, doubts []string) (Reconciliation, error) {
	run.StartedAt = s.now()
	run.FromAt = run.FromAt.UTC().Truncate(time.Second)
	run.ToAt = earlier(run.ToAt.UTC(), run.StartedAt).Truncate(time.Second)
	if !run.FromAt.Before(run.ToAt) || run.FromAt.Unix() < 0 {
		return Reconciliation{}, refuse(InvalidArgument, "A period begins before it ends, before now and after 1970.")
	}
	var err error
	if run.ID, err = newID(); err != nil {
		return Reconciliation{}, err
	}
	begin := func(tx *gorm.DB) error { return tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&run).Error }
	if err := database.Transact(ctx, s.DB, begin); err != nil {
		return Reconciliation{}, fmt.Errorf("begin reconciliation: %w", err)
	}
	c := comparison{Service: s, run: &run, seen: map[string]bool{}, reported: map[string]bool{}, strays: map[string]bool{}, doubts: doubts}
	err = c.compare(ctx)
	if len(c.broken) > 0 { // one payment must not stop the watermark
		run.note("%d payments could not be looked into.", len(c.broken))
	}
	return run, errors.Join(err, summary("payments", c.broken), s.finish(ctx, &run, err))
}

// finish writes how the run ended, also when its caller has left.
func (s *Service) finish(ctx context.Context, run *Reconciliation, failure error) error {
	run.FinishedAt = new(s.now())
	if failure != nil {
		run.Error = safe(failure)
	}
	err := database.Transact(context.WithoutCancel(ctx), s.DB, func(tx *gorm.DB) error {
		return exactlyOne(tx.Exec(`UPDATE reconciliations SET finished_at = ?, listed = ?, compared = ?, healed = ?,
			differences = ?, note = ?, error = ? WHERE id = ?`, run.FinishedAt, run.Listed, run.Compared, run.Healed,
			run.Differences, run.Note, run.Error, run.ID))
	})
	if err != nil {
		return fmt.Errorf("keep reconciliation %s: %w", run.ID, err)
	}
	return nil
}

func (r *Reconciliation) note(format string, args ...any) {
	r.Note = strings.TrimSpace(r.Note + " " + fmt.Sprintf(format, args...))
}

// safe is what may be shown of an error.
func safe(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return fmt.Sprintf("%s: %s", e.Code, e.Message)
	}
	return string(Internal)
}

// Reconciliations are the newest runs, at most 50.
func (s *Service) Reconciliations(ctx context.Context) ([]Reconciliation, error) {
	runs, err := gorm.G[Reconciliation](s.DB).Order("id DESC").Limit(maxList).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read reconciliations: %w", err)
	}
	return runs, nil
}

// Differences reads what the run found, the healed ones included, in the order in which it was found. There may be
// many, so they come in batches; the last pair has the error that ended them, if one did.
func (s *Service) Differences(ctx context.Context, reconciliationID string) iter.Seq2[Difference, error] {
	return func(yield func(Difference, error) bool) {
		for last := int64(0); ; {
			batch, err := gorm.G[Difference](s.DB).Where("reconciliation_id = ? AND position > ?", reconciliationID, last).
				Order("position").Limit(reconcileBatch).Find(ctx)
			if err != nil {
				yield(Difference{}, fmt.Errorf("read differences: %w", err))
				return
			}
			for _, d := range batch {
				if last = d.Position; !yield(d, nil) {
					return
				}
			}
			if len(batch) < reconcileBatch {
				return
			}
		}
	}
}
