package reconcile

import (
	"context"
	"fmt"
	"maps"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
)

const (
	// maxListReads is how often a list is read that changes while it is read.
	maxListReads = 3
	// maxSecondReads is the same for the list of one second, which cannot be read in halves.
	maxSecondReads = 10
	// maxListSize is the longest list that is read in one piece: a run keeps the names on it in memory.
	maxListSize = 20_000
	// maxSplits is how many lists of a run are read in halves. It bounds what a gateway that never
	// keeps its word can cost.
	maxSplits = 1000
)

// listedAs says what a listed payment is to us.
type listedAs uint8

const (
	asOurs         listedAs = iota // counted when it was first seen
	asForeign                      // for no order of ours
	asOtherMode                    // of the other mode, for an order of ours
	asOurOtherMode                 // the same, and in our books: counted when it was first seen
)

// listRead is what a list said while it was read.
type listRead struct {
	total    int64 // by its first page
	pages    int
	moved    bool // another page told another total
	tooLong  bool // reading stopped after the first page, because the list is to be split
	named    map[string]listedAs
	nameless []charge.Unreadable // payments on it that cannot even be named
}

func (r listRead) count() int64 { return int64(len(r.named) + len(r.nameless)) }

// isWhole tells whether the list stood still and kept what it promised.
func (r listRead) isWhole() bool { return !r.moved && r.count() == r.total }

// mayBeShuffled tells whether another order of the same payments explains why this reading is not whole.
func (r listRead) mayBeShuffled(earlier listRead) bool {
	return !r.moved && !earlier.moved && r.total == earlier.total
}

// readList reads a list to its end. Two things can make a reading miss a payment: one that leaves the list moves all that
// follow one place forward, and payments of the same second may change places between two pages. So a list that was not
// whole is read again, and what readings with the same total have shown counts together. After some readings each half
// of the period is read by itself, down to a second: a list of one page cannot change while it is read.
func (c *activeRun) readList(ctx context.Context, l charge.Listing) error {
	isSecond := !l.From.Before(l.To)
	read, err := c.readUntilWhole(ctx, l, isSecond)
	if err != nil {
		return err
	}
	if !read.isWhole() && read.pages > 1 && !isSecond && c.splits < maxSplits || read.tooLong {
		c.splits++
		first, second := splitListing(l)
		if err := c.readList(ctx, first); err != nil {
			return err
		}
		return c.readList(ctx, second)
	}
	if !read.isWhole() {
		c.failed = append(c.failed, &apierror.Error{Code: apierror.GatewayUnavailable,
			Message: "A list of the payment gateway could not be read whole.",
			Err: fmt.Errorf("%w: %s payments from %s to %s: %d of %d", charge.ErrUntrustworthy, l.Status,
				l.From.Format(time.RFC3339), l.To.Format(time.RFC3339), read.count(), read.total)})
	}
	c.countList(read)
	return nil
}

// readUntilWhole reads a list a few times. It returns the last reading, together with earlier ones of the same total.
func (c *activeRun) readUntilWhole(ctx context.Context, l charge.Listing, isSecond bool) (read listRead, err error) {
	tries := maxListReads
	if isSecond {
		tries = maxSecondReads
	}
	for n := range tries {
		latest, err := c.readPages(ctx, l, isSecond)
		if err != nil {
			return listRead{}, err
		}
		if n > 0 && !latest.isWhole() && latest.mayBeShuffled(read) {
			maps.Copy(latest.named, read.named)
		}
		if read = latest; read.tooLong || read.isWhole() || read.pages == 1 && n+1 >= maxListReads {
			break
		}
	}
	return read, nil
}

func (c *activeRun) readPages(ctx context.Context, l charge.Listing, isSecond bool) (listRead, error) {
	read := listRead{named: map[string]listedAs{}}
	for l.Page = 1; l.Page != 0; {
		page, err := c.charges.Gateway.PaymentList(ctx, l)
		if err != nil {
			return listRead{}, err
		}
		if l.Page == 1 {
			read.total = page.Total
		}
		read.pages++
		isGone := page.Total == 0 && len(page.Payments) == 0 // a page beyond the last one tells no total
		read.moved = read.moved || page.Total != read.total && !isGone
		if err := c.comparePage(ctx, page, &read); err != nil {
			return listRead{}, err
		}
		if read.total > maxListSize && !isSecond && c.splits < maxSplits {
			read.tooLong = true
			return read, nil
		}
		l.Page = page.Next
	}
	return read, nil
}

// countList adds a list to the run's counts once it has been read for the last time.
func (c *activeRun) countList(read listRead) {
	for _, as := range read.named {
		switch as {
		case asForeign:
			c.record.Listed++
			c.record.Foreign++
		case asOtherMode:
			c.record.Listed++
			c.record.OtherMode++
		case asOurOtherMode:
			c.record.OtherMode++
		case asOurs:
		}
	}
	c.nameless = append(c.nameless, read.nameless...)
}
