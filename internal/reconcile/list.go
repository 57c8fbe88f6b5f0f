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
	// maxListReads is how often a run reads a list that changes during the reading.
	maxListReads = 3
	// maxSecondReads is the same for the list of one second, because a second cannot be halved.
	maxSecondReads = 10
	// maxListSize is the longest list to read in one piece: a run keeps the names in memory.
	maxListSize = 20_000
	// maxSplits is how many lists a run reads in halves. The bound limits the cost of a gateway
	// whose totals never match its pages.
	maxSplits = 1000
)

// listedAs classifies a listed payment.
type listedAs uint8

const (
	asOurs         listedAs = iota // of a known order or payment; counted when first seen
	asForeign                      // for no known order
	asOtherMode                    // of the other mode, for a known order
	asOurOtherMode                 // the same, and in the books: counted when first seen
)

// listRead collects one reading of a list.
type listRead struct {
	total    int64 // on the first page
	pages    int
	moved    bool // another page told another total
	tooLong  bool // reading stopped after the first page, because the list is to be split
	named    map[string]listedAs
	nameless []charge.Unreadable // payments without a usable imp_uid
}

func (r listRead) countPayments() int64 { return int64(len(r.named) + len(r.nameless)) }

// isWhole tells whether the list did not change and had as many payments as promised.
func (r listRead) isWhole() bool { return !r.moved && r.countPayments() == r.total }

// mayBeShuffled tells whether another order of the same payments explains an incomplete reading.
func (r listRead) mayBeShuffled(earlier listRead) bool {
	return !r.moved && !earlier.moved && r.total == earlier.total
}

// readList reads a list to the end. A reading can miss a payment in two ways. A payment that leaves
// the list moves all later payments one place forward. Payments of the same second may change
// places between two pages.
//
// So an incomplete list is read again, and readings with the same total count together. After some
// readings each half of the period is read separately, down to one second: a list of one page
// cannot change during the reading.
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
				l.From.Format(time.RFC3339), l.To.Format(time.RFC3339), read.countPayments(), read.total)})
	}
	c.countList(read)
	return nil
}

// readUntilWhole reads a list a few times. The result is the last reading, merged with earlier
// readings of the same total.
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
		// A page beyond the last one has no total.
		isGone := page.Total == 0 && len(page.Payments) == 0
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

// countList adds a list to the run's counts after the last reading.
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
