package graph

import (
	"context"
	"sync"
	"time"

	"pointcharge/internal/charge"
)

// productCache keeps the active products for a short time: everybody may ask for them, without a
// token and many times in one document. It is safe for concurrent use.
type productCache struct {
	mu       sync.Mutex
	products []charge.Product
	until    time.Time
	version  int // counts the changes made here, so that a read that began before one is not kept
}

// get returns the products that read returned in the last ttl, or reads them.
func (c *productCache) get(ctx context.Context, ttl time.Duration, read func(context.Context) ([]charge.Product, error)) ([]charge.Product, error) {
	c.mu.Lock()
	products, fresh, version := c.products, time.Now().Before(c.until), c.version
	c.mu.Unlock()
	if fresh {
		return products, nil
	}
	products, err := read(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && version == c.version {
		c.products, c.until = products, time.Now().Add(ttl)
	}
	return products, err
}

// clear forgets the products, because one has changed.
func (c *productCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	c.products, c.until = nil, time.Time{}
}
