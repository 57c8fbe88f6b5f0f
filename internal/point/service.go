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
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
)

// Service is the domain: rules and SQL together. Its fields are set once, before it is used.
type Service struct {
	DB      *gorm.DB
	Gateway Gateway
	// Live says that money is real: payments through a test channel are refused. Otherwise only
	// those are accepted.
	Live        bool
	Lifetimes   Lifetimes
	Reconciling Reconciling
	// Grace is how long the sweep leaves a new order alone; two minutes when zero.
	Grace time.Duration
	// Now is the server's one clock; time.Now when nil.
	Now func() time.Time
}

// now is the moment that is written: UTC, with the microseconds that both databases can keep.
func (s *Service) now() time.Time {
	if s.Now == nil {
		return time.Now().UTC().Truncate(time.Microsecond)
	}
	return s.Now().UTC().Truncate(time.Microsecond)
}

// newID is a UUIDv7: unguessable enough, and in the order of time, which indexes like.
func newID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return id.String(), nil
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// ValidID tells whether id has the form of every id that may travel to the gateway or the database. It keeps
// queries and paths out of the gateway's addresses (contract §5, F1) and NUL out of PostgreSQL.
func ValidID(id string) bool { return idForm.MatchString(id) }

func checkID(name, id string) error {
	if !ValidID(id) {
		return refuse(InvalidArgument, "%s must be 1 to 64 letters, digits, hyphens or underscores.", name)
	}
	return nil
}
