package feed

import (
	"context"
	"maps"
	"slices"
	"time"

	"pointcharge/internal/apierror"
)

// addFollower adds the user's ledger to the poll. newest is the number of the ledger's last line.
// The result is false when the feed is closed.
func (f *Feed) addFollower(userID string, newest int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.running.Add(1)
	if f.ledgers[userID] == nil {
		f.ledgers[userID] = &ledger{moved: make(chan struct{})}
	}
	f.ledgers[userID].followers++
	f.ledgers[userID].raiseNewest(newest)
	if !f.polling {
		f.polling = true
		f.running.Go(f.pollUntilIdle)
	}
	return true
}

func (f *Feed) removeFollower(userID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ledgers[userID].followers--; f.ledgers[userID].followers == 0 {
		delete(f.ledgers, userID)
	}
}

// pollUntilIdle polls the followed ledgers until the last follower has left.
func (f *Feed) pollUntilIdle() {
	ticker := time.NewTicker(f.Poll)
	defer ticker.Stop()
	healthy := true
	for users := f.followedUsers(); len(users) > 0; users = f.followedUsers() {
		err := apierror.RecoverPanic(func() error { return f.pollLedgers(users) })
		if err != nil && healthy && f.life.Err() == nil { // once, not every second
			f.Log.Error("cannot poll for new lines", "err", err)
		}
		healthy = err == nil
		select {
		case <-ticker.C:
		case <-f.life.Done():
			return
		}
	}
}

// followedUsers returns the users with a followed ledger. Without any, the poller ends, and the
// next follower starts a new poller.
func (f *Feed) followedUsers() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.polling = len(f.ledgers) > 0
	return slices.Collect(maps.Keys(f.ledgers))
}

// pollLedgers wakes the followers of every ledger with new lines.
func (f *Feed) pollLedgers(users []string) error {
	for some := range slices.Chunk(users, usersPerQuery) {
		ctx, cancel := context.WithTimeout(f.life, pollTimeout)
		newest, err := f.Points.NewestSeqs(ctx, some)
		cancel()
		if err != nil {
			return err
		}
		f.wakeFollowers(newest)
	}
	return nil
}

func (f *Feed) wakeFollowers(newest map[string]int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for userID, seq := range newest {
		if l := f.ledgers[userID]; l != nil {
			l.raiseNewest(seq)
		}
	}
}

func (l *ledger) raiseNewest(seq int64) {
	if seq > l.newest {
		l.newest = seq
		close(l.moved)
		l.moved = make(chan struct{})
	}
}
