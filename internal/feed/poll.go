package feed

import (
	"context"
	"maps"
	"slices"
	"time"

	"pointcharge/internal/apierror"
)

// follow makes sure that the user's ledger, which has come as far as newest, is looked at; false when the feed is closed.
func (f *Feed) follow(userID string, newest int64) bool {
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
	f.ledgers[userID].rise(newest)
	if !f.polling {
		f.polling = true
		f.running.Go(f.poll)
	}
	return true
}

func (f *Feed) unfollow(userID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ledgers[userID].followers--; f.ledgers[userID].followers == 0 {
		delete(f.ledgers, userID)
	}
}

// poll looks at the followed ledgers until nobody follows any.
func (f *Feed) poll() {
	ticker := time.NewTicker(f.Poll)
	defer ticker.Stop()
	healthy := true
	for users := f.followed(); len(users) > 0; users = f.followed() {
		err := apierror.RecoverPanic(func() error { return f.look(users) })
		if err != nil && healthy && f.life.Err() == nil { // once, not every second
			f.Log.Error("new lines cannot be looked for", "err", err)
		}
		healthy = err == nil
		select {
		case <-ticker.C:
		case <-f.life.Done():
			return
		}
	}
}

// followed are the users whose ledgers somebody follows. Without any, the poller is over, and the next follower begins another.
func (f *Feed) followed() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.polling = len(f.ledgers) > 0
	return slices.Collect(maps.Keys(f.ledgers))
}

// look wakes the followers of every ledger that has grown.
func (f *Feed) look(users []string) error {
	for some := range slices.Chunk(users, batch) {
		ctx, cancel := context.WithTimeout(f.life, pollPatience)
		newest, err := f.Points.NewestSeqs(ctx, some)
		cancel()
		if err != nil {
			return err
		}
		f.wake(newest)
	}
	return nil
}

func (f *Feed) wake(newest map[string]int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for userID, seq := range newest {
		if l := f.ledgers[userID]; l != nil {
			l.rise(seq)
		}
	}
}

func (l *ledger) rise(seq int64) {
	if seq > l.newest {
		l.newest = seq
		close(l.moved)
		l.moved = make(chan struct{})
	}
}
