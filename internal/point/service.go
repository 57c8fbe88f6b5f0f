// Package point sells points (포인트) and keeps their books.
//
// A person opens a charge order (충전 주문) for a product, pays at the gateway, and the payment becomes
// points exactly once, whoever reports it: the browser with Charge; the webhook, the mobile redirect,
// the sweep, the operator and the command line with Sync. All of them ask the gateway what was really
// paid and merge the answer into the books with one function, apply, in charge.go. Start there.
//
// Points and won are whole numbers, one point is one won, and all times are UTC with microseconds from
// the one clock Service.Now.
package point

import (
	"time"

	"gorm.io/gorm"
)

// Service keeps the ledger: rules and SQL together. Its fields are set once, before it is used.
type Service struct {
	db        *gorm.DB
	Lifetimes Lifetimes
	// Now is the server's one clock; time.Now when nil.
	Now func() time.Time
}

// New returns the ledger in db.
func New(db *gorm.DB) *Service { return &Service{db: db} }

// CurrentTime returns the moment that is written: UTC, with the microseconds that both databases can keep.
func (s *Service) CurrentTime() time.Time {
	if s.Now == nil {
		return time.Now().UTC().Truncate(time.Microsecond)
	}
	return s.Now().UTC().Truncate(time.Microsecond)
}
