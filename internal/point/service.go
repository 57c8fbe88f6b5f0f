// Package point keeps the ledger of points (포인트): wallets, lines and lots.
//
// A wallet has a balance and immutable lines. Each credit makes a lot of points with a common
// expiry. Each debit takes from lots, the soonest expiry first, and lot_uses records the points
// moved between line and lot. Every writer locks the wallet first (LockWallet), so the lots of a
// wallet change one line at a time.
//
// Points are whole numbers and one point is one won. Times are UTC with microseconds, from
// Service.Now.
package point

import (
	"time"

	"gorm.io/gorm"
)

// Service keeps the ledger: rules and SQL together. The fields are set once, before use.
type Service struct {
	db        *gorm.DB
	Lifetimes Lifetimes
	// Now is the server's one clock; time.Now when nil.
	Now func() time.Time
	// DatabaseClock is the second clock, compared before points expire; the database's when nil.
	DatabaseClock func(tx *gorm.DB) (time.Time, error)
}

// New returns the ledger in db.
func New(db *gorm.DB) *Service { return &Service{db: db} }

// CurrentTime returns the time for rows: UTC, with the microseconds that both databases can keep.
func (s *Service) CurrentTime() time.Time {
	if s.Now == nil {
		return time.Now().UTC().Truncate(time.Microsecond)
	}
	return s.Now().UTC().Truncate(time.Microsecond)
}
