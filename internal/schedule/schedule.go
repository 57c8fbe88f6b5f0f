// Package schedule runs recurring jobs such as the sweep: each on one server of many at a time,
// without a leader. The table jobs has the due time of each job; the server that moves the due time
// on runs the job. A stopping server gives a job back. After a crash the job is due again one
// interval later, so a job must tolerate two runs at once.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Job is recurring work.
type Job struct {
	Name  string
	Every time.Duration // zero: no runs on this server
	Run   func(context.Context) error
}

const (
	// runTimeout is how long a run may take: enough for days of reconciliation, and never for ever.
	runTimeout = time.Hour
	// closeTimeout is how long Close waits for cancelled runs to end.
	closeTimeout = 10 * time.Second
	// recordTimeout bounds the statement that records the end of a run. The run's own time may be
	// over.
	recordTimeout = 5 * time.Second
)

// State is the state of a job on all servers together. Times are UTC.
type State struct {
	Name        string `gorm:"primaryKey"`
	CreatedAt   time.Time
	DueAt       time.Time
	StartedAt   *time.Time
	SucceededAt *time.Time
	FailedAt    *time.Time
	Error       string        // of the last failure
	Every       time.Duration `gorm:"-"`
}

// TableName is the table's name in SQL.
func (State) TableName() string { return "jobs" }

// Lag returns by how much the time since the job's last success exceeds the interval; zero for a
// punctual job.
func (s State) Lag(now time.Time) time.Duration {
	last := s.CreatedAt
	if s.SucceededAt != nil {
		last = *s.SucceededAt
	}
	return max(0, now.Sub(last)-s.Every)
}

// Failing tells whether the last finished run failed.
func (s State) Failing() bool {
	return s.FailedAt != nil && (s.SucceededAt == nil || s.FailedAt.After(*s.SucceededAt))
}

// Schedule is a set of running jobs.
type Schedule struct {
	db         *gorm.DB
	jobs       []Job
	log        *slog.Logger
	clock      func() time.Time
	runTimeout time.Duration
	stop       context.CancelFunc // ends the runs under way
	running    sync.WaitGroup     // one goroutine for each job
}

// Start runs each due job at once, and then all jobs at their intervals. The end of ctx does not
// stop the jobs; the caller must call Close.
func Start(ctx context.Context, db *gorm.DB, jobs []Job, clock func() time.Time, log *slog.Logger) (*Schedule, error) {
	s, err := newSchedule(ctx, db, jobs, log, clock)
	if err != nil {
		return nil, err
	}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	for _, job := range s.jobs {
		s.running.Go(func() { repeatEvery(ctx, job.Every, func() { s.runIfDue(ctx, job) }) })
	}
	return s, nil
}

// newSchedule returns a Schedule with all rows inserted and no job started.
func newSchedule(ctx context.Context, db *gorm.DB, jobs []Job, log *slog.Logger, clock func() time.Time) (*Schedule, error) {
	s := &Schedule{db: db, log: log, clock: clock, runTimeout: runTimeout}
	for _, job := range jobs {
		if job.Every > 0 {
			s.jobs = append(s.jobs, job)
		}
	}
	return s, s.registerJobs(ctx)
}

// repeatEvery calls do at once and at every interval until ctx ends. Ticks during a call are
// dropped, so a pause follows a call longer than the interval.
func repeatEvery(ctx context.Context, interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		do()
		select { // drop the tick of the time during the call
		case <-ticker.C:
		default:
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// Close cancels the runs under way and waits at most ten seconds for the runs to end.
func (s *Schedule) Close() error {
	s.stop()
	ended := make(chan struct{})
	go func() {
		s.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(closeTimeout):
		return fmt.Errorf("jobs still run %s after they were asked to stop", closeTimeout)
	}
}

// States returns the states of this server's jobs, in the order given to Start.
func (s *Schedule) States(ctx context.Context) ([]State, error) {
	states := make([]State, len(s.jobs))
	for i, job := range s.jobs {
		state, err := gorm.G[State](s.db).Where("name = ?", job.Name).Take(ctx)
		if err != nil {
			return nil, fmt.Errorf("read job %s: %w", job.Name, err)
		}
		state.Every = job.Every
		states[i] = state
	}
	return states, nil
}

func (s *Schedule) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// registerJobs inserts the missing rows of jobs.
func (s *Schedule) registerJobs(ctx context.Context) error {
	now := s.now()
	for _, job := range s.jobs {
		row := State{Name: job.Name, CreatedAt: now, DueAt: now}
		if err := s.db.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
			return fmt.Errorf("register job %s: %w", job.Name, err)
		}
	}
	return nil
}

// runIfDue claims and runs a due job, and records the end of the run. A job claimed by another
// server is left alone.
func (s *Schedule) runIfDue(ctx context.Context, job Job) {
	started := s.now()
	claimed, err := s.claimRun(ctx, job, started)
	if err == nil && !claimed {
		return
	}
	if err == nil {
		err = s.runRecovered(ctx, job)
	}
	record, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := s.recordEnd(record, job, started, err, ctx.Err() != nil); err != nil {
		s.log.ErrorContext(ctx, "cannot record how a job ended", "job", job.Name, "err", err)
	}
}

// recordEnd records the end of the run. A run cut short by a stopping server does not count as a
// failure.
func (s *Schedule) recordEnd(ctx context.Context, job Job, started time.Time, failure error, stopping bool) error {
	var returned error
	if stopping && failure != nil {
		returned = s.giveBack(ctx, job, started)
	}
	if stopping && errors.Is(failure, context.Canceled) {
		return returned
	}
	if failure != nil {
		s.log.ErrorContext(ctx, "job failed", "job", job.Name, "err", failure)
	}
	return errors.Join(returned, s.recordResult(ctx, job, failure))
}

// claimRun moves a due job's time on by one interval, and tells whether this server may run the
// job. The step is a little shorter than the interval, because the next tick may come a little
// early. A due time more than one interval ahead comes from a server with a wrong clock, and is
// ignored. Ends of runs in the future count as now for the same reason.
func (s *Schedule) claimRun(ctx context.Context, job Job, now time.Time) (claimed bool, err error) {
	done := s.db.WithContext(ctx).Exec(`UPDATE jobs SET due_at = ?, started_at = ?,
			succeeded_at = CASE WHEN succeeded_at > ? THEN ? ELSE succeeded_at END,
			failed_at = CASE WHEN failed_at > ? THEN ? ELSE failed_at END
		WHERE name = ? AND (due_at <= ? OR due_at > ?)`,
		now.Add(job.Every-job.Every/10), now, now, now, now, now, job.Name, now, now.Add(job.Every))
	return done.RowsAffected == 1, done.Error
}

// giveBack makes the job due at once, unless another server has begun the job since.
func (s *Schedule) giveBack(ctx context.Context, job Job, started time.Time) error {
	return s.db.WithContext(ctx).Exec("UPDATE jobs SET due_at = ? WHERE name = ? AND started_at = ?", s.now(), job.Name, started).Error
}

// recordResult records a success or a failure.
func (s *Schedule) recordResult(ctx context.Context, job Job, failure error) error {
	if failure == nil {
		return s.db.WithContext(ctx).Exec("UPDATE jobs SET succeeded_at = ? WHERE name = ?", s.now(), job.Name).Error
	}
	return s.db.WithContext(ctx).Exec("UPDATE jobs SET failed_at = ?, error = ? WHERE name = ?",
		s.now(), fmt.Sprintf("%.500q", failure), job.Name).Error
}

// runRecovered runs the job within the job's time limit, and turns a panic into an error, because a
// panic must not end the server.
func (s *Schedule) runRecovered(ctx context.Context, job Job) (err error) {
	ctx, cancel := context.WithTimeout(ctx, s.runTimeout)
	defer cancel()
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return job.Run(ctx)
}
