package cli

import (
	"context"
	"flag"
	"fmt"
	"time"

	"pointcharge/internal/point"
	"pointcharge/internal/server"
)

// expireFlags are the flags of the command expire.
type expireFlags struct {
	large                         bool
	undo                          string // an EXPIRE line
	undoSince, undoBefore, expire string // times
	reason                        string
}

// undoneAlways is after every expiry, also one that was written by a clock that was ahead.
const undoneAlways = 100 * 365 * 24 * time.Hour

// setUpExpire writes the due EXPIRE lines of all users, or undoes some.
func setUpExpire(flags *flag.FlagSet) task {
	var f expireFlags
	flags.BoolVar(&f.large, "large", false, "expire also when more than half of all points are due; look at the clock first")
	flags.StringVar(&f.undo, "undo", "", "the EXPIRE line to undo; it is undone once")
	flags.StringVar(&f.undoSince, "undo-since", "", "undo all EXPIRE lines since then: a date, or a time as 2026-11-01T09:00:00Z; UTC")
	flags.StringVar(&f.undoBefore, "undo-before", "", "with -undo-since: only those before that time")
	flags.StringVar(&f.expire, "until", "", "with -undo and -undo-since: until when the points live now (default: as long as returned points live)")
	flags.StringVar(&f.reason, "reason", "", "with -undo and -undo-since: why; it is kept")
	in := point.UndoExpiriesInput{}
	return task{
		check: func() error {
			err := checkForm(flags, form{}, form{flag: "large"}, form{flag: "undo", needs: []string{"reason"}, may: []string{"until"}},
				form{flag: "undo-since", needs: []string{"reason"}, may: []string{"undo-before", "until"}})
			if err != nil {
				return err
			}
			return f.parseTimes(&in)
		},
		run: func(ctx context.Context, r resources) (err error) {
			if in.Actor, err = r.commandActor(""); err != nil {
				return err
			}
			in.Reason = f.reason
			return f.run(ctx, r, in)
		},
	}
}

func (f expireFlags) run(ctx context.Context, r resources, in point.UndoExpiriesInput) error {
	switch {
	case f.undo != "":
		return undoExpiry(ctx, r, f.undo, in)
	case f.undoSince != "":
		return undoExpiries(ctx, r, in)
	}
	return expirePoints(ctx, r, in.Actor, f.large)
}

func (f expireFlags) parseTimes(in *point.UndoExpiriesInput) (err error) {
	in.To = time.Now().Add(undoneAlways)
	for _, t := range []struct {
		text string
		to   *time.Time
	}{{f.undoSince, &in.From}, {f.undoBefore, &in.To}, {f.expire, &in.ExpiresAt}} {
		if t.text == "" {
			continue
		}
		if *t.to, err = parseTime(t.text, 0); err != nil {
			return err
		}
	}
	return nil
}

func expirePoints(ctx context.Context, r resources, operator point.Actor, large bool) error {
	users, err := server.RunBatches(ctx, func(ctx context.Context, limit int) (int, error) {
		if large {
			return r.services.Points.ExpireLargeShare(ctx, operator, limit)
		}
		return r.services.Points.Expire(ctx, limit)
	})
	if err == nil {
		_, err = fmt.Fprintf(r.stdout, "expired points of %s\n", formatCount(users, "user", "users"))
	}
	return err
}

func undoExpiry(ctx context.Context, r resources, id string, in point.UndoExpiriesInput) error {
	line, err := r.services.Points.UndoExpiry(ctx, point.UndoExpiryInput{TransactionID: id, ExpiresAt: in.ExpiresAt, Reason: in.Reason, Actor: in.Actor})
	if err != nil {
		return err
	}
	return printLine(r, line)
}

// undoExpiries prints how many expiries are undone also when some failed.
func undoExpiries(ctx context.Context, r resources, in point.UndoExpiriesInput) error {
	undone := 0
	_, err := server.RunBatches(ctx, func(ctx context.Context, limit int) (int, error) {
		done, err := r.services.Points.UndoExpiries(ctx, in, limit)
		undone, in.After = undone+done.Undone, done.Last
		return done.Visited, err
	})
	fmt.Fprintf(r.stdout, "undid %s\n", formatCount(undone, "expiry", "expiries"))
	return err
}
