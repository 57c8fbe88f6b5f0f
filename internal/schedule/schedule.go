// Package schedule runs the jobs that nobody asks for, such as the sweep: each on one server of many at a time, without
// a leader. A job is due when its row in the table jobs says so, and belongs to whoever moves that time on. If that
// server stops, it gives the job back; if it dies, the job is due again one interval later. So jobs must bear to be run
// twice at once.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/go-co-op/gocron/v2"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Job is work that is done again and again.
type Job struct {
	Name  string
	Every time.Duration // not on this server when zero
	Run   func(context.Context) error
}

const (
	// maxRun is how long a run may take: days of reconciliation, and never for ever.
	maxRun = time.Hour
	// closePatience is how long Close waits for runs under way, whose context has ended.
	closePatience = 10 * time.Second
	// writePatience is how long it may take to write how a run ended, whose own time may be over.
	writePatience = 5 * time.Second
)

// State is how a job is doing, on whichever server it ran. Times are UTC.
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

// Lag is how much longer ago than its interval the job last succeeded; zero when it is on time.
func (s State) Lag(now time.Time) time.Duration {
	last := s.CreatedAt
	if s.SucceededAt != nil {
		last = *s.SucceededAt
	}
	return max(0, now.Sub(last)-s.Every)
}

// Failing tells whether the last run that ended failed.
func (s State) Failing() bool {
	return s.FailedAt != nil && (s.SucceededAt == nil || s.FailedAt.After(*s.SucceededAt))
}

// Schedule is a set of jobs that run.
type Schedule struct {
	db    *gorm.DB
	jobs  []Job
	log   *slog.Logger
	clock func() time.Time
	cron  gocron.Scheduler
	// patience is how long a run may take.
	patience time.Duration
}

// Start begins to run the jobs, those that are due at once. The Schedule must be closed.
func Start(ctx context.Context, db *gorm.DB, jobs []Job, log *slog.Logger) (*Schedule, error) {
	s, err := prepare(ctx, db, jobs, log, time.Now)
	if err != nil {
		return nil, err
	}
	if s.cron, err = gocron.NewScheduler(gocron.WithLocation(time.UTC), gocron.WithStopTimeout(closePatience)); err != nil {
		return nil, err
	}
	for _, job := range s.jobs {
		// A tick while the last run goes on is left out.
		_, err := s.cron.NewJob(gocron.DurationJob(job.Every), gocron.NewTask(func(ctx context.Context) { s.tick(ctx, job) }),
			gocron.WithSingletonMode(gocron.LimitModeReschedule), gocron.WithStartAt(gocron.WithStartImmediately()))
		if err != nil {
			return nil, errors.Join(err, s.cron.Shutdown())
		}
	}
	s.cron.Start()
	return s, nil
}

// prepare is a Schedule whose jobs have their rows, and that does nothing yet.
func prepare(ctx context.Context, db *gorm.DB, jobs []Job, log *slog.Logger, clock func() time.Time) (*Schedule, error) {
	s := &Schedule{db: db, log: log, clock: clock, patience: maxRun}
	for _, job := range jobs {
		if job.Every > 0 {
			s.jobs = append(s.jobs, job)
		}
	}
	return s, s.register(ctx)
}

// Close ends the runs under way and waits for them, ten seconds at most.
func (s *Schedule) Close() error { return s.cron.Shutdown() }

// States are those of this server's jobs, in their order.
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

// register makes the rows of jobs that have none yet.
func (s *Schedule) register(ctx context.Context) error {
	now := s.now()
	for _, job := range s.jobs {
		row := State{Name: job.Name, CreatedAt: now, DueAt: now}
		if err := s.db.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
			return fmt.Errorf("register job %s: %w", job.Name, err)
		}
	}
	return nil
}

// tick runs the job if it is due and no other server has taken it, and writes down how it ended.
func (s *Schedule) tick(ctx context.Context, job Job) {
	started := s.now()
	ours, err := s.claim(ctx, job, started)
	if err == nil && !ours {
		return
	}
	if err == nil {
		err = s.contained(ctx, job)
	}
	write, cancel := context.WithTimeout(context.WithoutCancel(ctx), writePatience)
	defer cancel()
	if err := s.end(write, job, started, err, ctx.Err() != nil); err != nil {
		s.log.ErrorContext(ctx, "how a job ended was not written", "job", job.Name, "err", err)
	}
}

// end writes how the run ended. What was cut short because the server stops is no failure of the job's.
func (s *Schedule) end(ctx context.Context, job Job, started time.Time, failure error, stopping bool) error {
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
	return errors.Join(returned, s.conclude(ctx, job, failure))
}

// claim moves the time on at which the job is due, if that has come. A little less than the interval, because the next
// tick may come a little early. A time further ahead was written by a clock that was wrong, and so were ends of runs
// that have not come yet: they count from now on.
func (s *Schedule) claim(ctx context.Context, job Job, now time.Time) (ours bool, err error) {
	done := s.db.WithContext(ctx).Exec(`UPDATE jobs SET due_at = ?, started_at = ?,
			succeeded_at = CASE WHEN succeeded_at > ? THEN ? ELSE succeeded_at END,
			failed_at = CASE WHEN failed_at > ? THEN ? ELSE failed_at END
		WHERE name = ? AND (due_at <= ? OR due_at > ?)`,
		now.Add(job.Every-job.Every/10), now, now, now, now, now, job.Name, now, now.Add(job.Every))
	return done.RowsAffected == 1, done.Error
}

// giveBack makes the job due at once, unless another server has begun it since.
func (s *Schedule) giveBack(ctx context.Context, job Job, started time.Time) error {
	return s.db.WithContext(ctx).Exec("UPDATE jobs SET due_at = ? WHERE name = ? AND started_at = ?", s.now(), job.Name, started).Error
}

func (s *Schedule) conclude(ctx context.Context, job Job, failure error) error {
	if failure == nil {
		return s.db.WithContext(ctx).Exec("UPDATE jobs SET succeeded_at = ? WHERE name = ?", s.now(), job.Name).Error
	}
	return s.db.WithContext(ctx).Exec("UPDATE jobs SET failed_at = ?, error = ? WHERE name = ?",
		s.now(), fmt.Sprintf("%.500q", failure), job.Name).Error
}

// contained runs the job for as long as it may, and makes an error of a panic, which must not end the server.
func (s *Schedule) contained(ctx context.Context, job Job) (err error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return job.Run(ctx)
}
