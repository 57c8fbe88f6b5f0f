package web

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// ownerSlots bounds how many look-ups of each user's orders are under way. It is safe for
// concurrent use.
type ownerSlots struct {
	each int64

	mu    sync.Mutex
	users map[string]*ownerSlot // users with a running or waiting look-up
}

type ownerSlot struct {
	slots *semaphore.Weighted
	users int // of the slot, running or waiting
}

// acquireSlot waits for one of the user's slots, until ctx ends.
func (o *ownerSlots) acquireSlot(ctx context.Context, owner string) (release func(), err error) {
	o.mu.Lock()
	slot := o.users[owner]
	if slot == nil {
		slot = &ownerSlot{slots: semaphore.NewWeighted(o.each)}
		o.users[owner] = slot
	}
	slot.users++
	o.mu.Unlock()
	leave := func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if slot.users--; slot.users == 0 {
			delete(o.users, owner)
		}
	}
	if err := slot.slots.Acquire(ctx, 1); err != nil {
		leave()
		return nil, err
	}
	return func() { slot.slots.Release(1); leave() }, nil
}
