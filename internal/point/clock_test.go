package point_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
)

// setAhead puts this server's clock so far ahead of the database's, and returns how to set it
// right.
func (w *world) setAhead(by time.Duration) (setRight func()) {
	now := w.Now
	right := func() time.Time {
		if now == nil {
			return time.Now()
		}
		return now()
	}
	w.DatabaseClock = func(*gorm.DB) (time.Time, error) { return right(), nil }
	w.Now = func() time.Time { return right().Add(by) }
	return func() { w.Now = now }
}

func TestD5AClockThatIsAheadExpiresNothing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		w.DatabaseClock = nil // the database's own clock
		right := w.Now
		w.Now = func() time.Time { return time.Now().AddDate(10, 0, 0) }
		if _, err := w.Expire(w.Context(), 10); !errors.Is(err, point.ErrClocksDiffer) {
			w.Fatalf("the job says %v", err)
		}
		if _, err := w.ExpireLargeShare(w.Context(), domaintest.Sora(), 10); !errors.Is(err, point.ErrClocksDiffer) {
			w.Fatalf("the operator is told %v", err)
		}
		_, err := w.Spend(w.Context(), point.SpendInput{UserID: "minji", Amount: 1, Reference: "order-1", Actor: domaintest.Minji()})
		w.WantCode(err, apierror.InsufficientPoints)
		w.Now = right
		w.WantHistory("CHARGE 5000", "BONUS 500")
		w.WantSpendable(domaintest.Full)
	})
}

func TestD5AClawbackWritesNoExpiryByAWrongClock(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.Give(1000, "gift")
		setRight := w.setAhead(10 * 365 * domaintest.Day)
		w.Must(w.Sandbox.Cancel(*credited.ImpUID, "5000"))
		_, err := w.Sync(w.Context(), domaintest.Webhook(), *credited.ImpUID)
		w.Must(err) // the charge's own lots are enough
		in := point.ClawbackInput{UserID: "minji", Amount: 1, Reference: "r", Reason: "환불", Actor: domaintest.Sora()}
		if _, err := w.RecordClawback(w.Context(), in); !errors.Is(err, point.ErrClocksDiffer) {
			w.Fatalf("a debt was made of points that live: %v", err)
		}
		setRight()
		w.WantSpendable(1000)
	})
}

func TestD5AFewMinutesBetweenTheClocksAreNothing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, _ := w.Expiring()
		clock.Pass(10 * domaintest.Day)
		w.setAhead(4 * time.Minute)
		w.ExpireDue(10)
		w.WantHistory("CHARGE 5000", "BONUS 500", "EXPIRE -500")
	})
}

func TestD5AnImplausibleShareIsNotExpired(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		for i := range 20 {
			w.give(fmt.Sprint("user-", i), 100)
		}
		clock.Pass(366 * domaintest.Day)
		w.give("minji", 1999)
		if _, err := w.Expire(w.Context(), 10); !errors.Is(err, point.ErrLargeExpiry) {
			w.Fatalf("the job says %v", err)
		}
		_, err := w.Spend(w.Context(), point.SpendInput{UserID: "user-1", Amount: 1, Reference: "order-1", Actor: domaintest.Minji()})
		w.WantCode(err, apierror.InsufficientPoints)
		if n := w.Count("point_transactions", "kind = 'EXPIRE'"); n != 0 {
			w.Fatalf("%d lines expired", n)
		}
		_, err = w.ExpireLargeShare(w.Context(), domaintest.Minji(), 100)
		w.WantCode(err, apierror.Forbidden)
		n, err := w.ExpireLargeShare(w.Context(), domaintest.Sora(), 100)
		w.Must(err)
		if n != 20 {
			w.Fatalf("visited %d users", n)
		}
	})
}

func TestD5HalfOfAllPointsMayExpire(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		for i := range 20 {
			w.give(fmt.Sprint("user-", i), 100)
		}
		clock.Pass(366 * domaintest.Day)
		w.give("minji", 2000)
		if n := w.ExpireDue(100); n != 20 {
			w.Fatalf("visited %d users", n)
		}
	})
}

func (w *world) give(user string, points int64) point.Transaction {
	w.Helper()
	in := domaintest.Adjustment(points, fmt.Sprint("gift-", w.Count("point_transactions", "1 = 1")))
	in.UserID = user
	line, err := w.Adjust(w.Context(), in)
	w.Must(err)
	return line
}

func TestD5AnExpiryIsUndoneAsWhatItWas(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, credited := w.Expiring()
		clock.Pass(10 * domaintest.Day)
		w.ExpireDue(10)
		expired := w.lineWhere("kind = 'EXPIRE'")
		in := point.UndoExpiryInput{TransactionID: expired.ID, Reason: "시계 오류", Actor: domaintest.Sora()}
		undone, err := w.UndoExpiry(w.Context(), in)
		w.Must(err)
		again, err := w.UndoExpiry(w.Context(), in)
		w.Must(err)
		lot := w.BonusLot(credited)
		if undone.ID != again.ID || undone.Amount != 500 || *undone.ReversesID != expired.ID || lot.Remaining != 500 ||
			!lot.ExpiresAt.Equal(clock.Now().Add(30*domaintest.Day)) || lot.FirstExpiresAt == nil {
			w.Fatalf("unexpected line %+v, lot %+v", undone, lot)
		}
		w.WantSpendable(domaintest.Full)
		w.MustSpend(domaintest.Full-100, "order-1")
		clock.Pass(30 * domaintest.Day)
		w.ExpireDue(10)
		w.WantHistory("CHARGE 5000", "BONUS 500", "EXPIRE -500", "EXPIRE_CANCEL 500", "SPEND -5400")
		w.WantSpendable(100)
	})
}

func TestD5UndoneExpiryRepaysDebt(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, credited := w.Expiring()
		w.MustSpend(5000, "order-1") // the bonus and 4,500
		clock.Pass(1)
		w.give("minji", 100)
		clock.Pass(10 * domaintest.Day)
		w.ExpireDue(10)
		w.CancelAtConsole(*credited.ImpUID, 5000)
		w.WantBalance("minji", -5000)
		_, err := w.UndoExpiry(w.Context(), point.UndoExpiryInput{TransactionID: w.lineWhere("kind = 'EXPIRE'").ID, Reason: "r",
			Actor: domaintest.Sora(), ExpiresAt: clock.Now().Add(domaintest.Day)})
		w.Must(err)
		w.WantBalance("minji", -4900)
	})
}

// TestD5UndoneExpiryThatRepaidDebtStandsForNothing: its points were used, not lost.
func TestD5UndoneExpiryThatRepaidDebtStandsForNothing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, credited := w.Expiring()
		clock.Pass(10 * domaintest.Day)
		w.ExpireDue(10)
		other := w.Charged()
		w.MustSpend(domaintest.Full+5000, "order-1")
		w.CancelAtConsole(*other.ImpUID, 5000)
		_, err := w.UndoExpiry(w.Context(), point.UndoExpiryInput{TransactionID: w.lineWhere("kind = 'EXPIRE'").ID, Reason: "r", Actor: domaintest.Sora()})
		w.Must(err)
		w.WantBalance("minji", 500-domaintest.Full)
		w.CancelAtConsole(*credited.ImpUID, 5000)
		w.WantBalance("minji", 500-2*domaintest.Full)
	})
}

// TestD5AnExpiryThatStoodForACancellationStays: else its points would be there although their
// money went back.
func TestD5AnExpiryThatStoodForACancellationStays(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, credited := w.Expiring()
		w.give("junho", 100)
		clock.Pass(10 * domaintest.Day)
		w.ExpireDue(10)
		w.CancelAtConsole(*credited.ImpUID, 1000) // 100 of the bonus had expired
		history := []string{"CHARGE 5000", "BONUS 500", "EXPIRE -500", "CHARGE_CANCEL -1000"}
		w.WantHistory(history...)
		minjis := w.lineWhere("kind = 'EXPIRE' AND user_id = 'minji'")
		_, err := w.UndoExpiry(w.Context(), point.UndoExpiryInput{TransactionID: minjis.ID, Reason: "r", Actor: domaintest.Sora()})
		w.WantCode(err, apierror.InvalidArgument)
		period := point.UndoExpiriesInput{From: clock.Now().Add(-time.Hour), To: clock.Now().Add(time.Hour), Reason: "시계", Actor: domaintest.Sora()}
		n, err := w.UndoExpiries(w.Context(), period, 10)
		w.Must(err)
		domaintest.WantPoints(w.T, "undone lines", int64(n.Undone), 1)
		w.WantHistory(history...)
		w.WantBalance("junho", 100)
	})
}

func TestD5ExpiriesOfAPeriodAreUndoneTogether(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		for i := range 5 {
			w.give(fmt.Sprint("user-", i), 100)
		}
		clock.Pass(366 * domaintest.Day)
		w.ExpireDue(10)
		in := point.UndoExpiriesInput{From: clock.Now().Add(-time.Hour), To: clock.Now().Add(time.Hour), Reason: "시계", Actor: domaintest.Sora()}
		for _, want := range []int{3, 2, 0} {
			if n, err := w.UndoExpiries(w.Context(), in, 3); err != nil || n.Visited != want || n.Undone != want {
				w.Fatalf("%+v undone, want %d: %v", n, want, err)
			}
		}
		w.WantBalance("user-4", 100)
	})
}

func TestD5UndoingAtOnceIsOneLine(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, _ := w.Expiring()
		clock.Pass(10 * domaintest.Day)
		w.ExpireDue(10)
		in := point.UndoExpiryInput{TransactionID: w.lineWhere("kind = 'EXPIRE'").ID, Reason: "r", Actor: domaintest.Sora()}
		domaintest.Together(domaintest.Repeat(8, func() {
			if _, err := w.UndoExpiry(context.Background(), in); err != nil {
				w.Errorf("undo: %v", err)
			}
		})...)
		w.WantSpendable(domaintest.Full)
	})
}

func TestD5OnlyAnOperatorUndoesExpiries(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		good := point.UndoExpiryInput{TransactionID: credited.ID, Reason: "r", Actor: domaintest.Sora()}
		for name, c := range map[string]struct {
			edit func(*point.UndoExpiryInput)
			code apierror.Code
		}{
			"a user":        {func(in *point.UndoExpiryInput) { in.Actor = domaintest.Minji() }, apierror.Forbidden},
			"no reason":     {func(in *point.UndoExpiryInput) { in.Reason = "" }, apierror.InvalidArgument},
			"no id":         {func(in *point.UndoExpiryInput) { in.TransactionID = "" }, apierror.InvalidArgument},
			"the past":      {func(in *point.UndoExpiryInput) { in.ExpiresAt = time.Now().Add(-time.Hour) }, apierror.InvalidArgument},
			"not an expiry": {func(*point.UndoExpiryInput) {}, apierror.NotFound},
		} {
			in := good
			c.edit(&in)
			if _, err := w.UndoExpiry(w.Context(), in); apierror.CodeOf(err) != c.code {
				w.Errorf("%s: %v", name, err)
			}
		}
	})
}

// lineWhere is the only line of that condition.
func (w *world) lineWhere(where string) point.Transaction {
	w.Helper()
	var lines []point.Transaction
	w.Must(w.DB.Where(where).Find(&lines).Error)
	if len(lines) != 1 {
		w.Fatalf("%d lines with %s", len(lines), where)
	}
	return lines[0]
}

func TestD5OneExpiryThatCannotBeUndoneKeepsNoOtherWaiting(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		for i := range 3 {
			w.give(fmt.Sprint("user-", i), 100)
		}
		clock.Pass(366 * domaintest.Day)
		w.ExpireDue(10)
		in := point.UndoExpiriesInput{From: clock.Now().Add(-time.Hour), To: clock.Now().Add(time.Hour), Reason: "시계", Actor: domaintest.Sora()}
		// The first wallet's next line cannot be written.
		first := w.lineWhere("kind = 'EXPIRE' AND id = (SELECT MIN(id) FROM point_transactions WHERE kind = 'EXPIRE')")
		w.Must(w.DB.Exec("UPDATE wallets SET seq = 0 WHERE user_id = ?", first.UserID).Error)
		for i, undone := range []int{0, 1, 1} {
			done, err := w.UndoExpiries(w.Context(), in, 1)
			if in.After = done.Last; done.Visited != 1 || done.Undone != undone || (err == nil) != (undone == 1) {
				w.Fatalf("call %d: %+v, %v", i, done, err)
			}
		}
		w.Must(w.DB.Exec("UPDATE wallets SET seq = 2 WHERE user_id = ?", first.UserID).Error)
	})
}
