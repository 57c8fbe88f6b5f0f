// Package charge sells points (포인트 충전).
//
// A user opens a charge order for a product, pays at the gateway, and the payment becomes points exactly once,
// whoever reports it: the browser with Charge; the webhook, the payment return, the sweep, the operator and the
// command line with Sync. All of them ask the gateway about the payment and merge the answer with one function,
// apply, in charge.go. Start there.
package charge

import (
	"cmp"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/point"
)

// Service sells points: rules and SQL together. Its exported fields are set once, before it is used.
type Service struct {
	db      *gorm.DB
	points  *point.Service
	Gateway Gateway
	// Live says that money is real: payments through a test channel are refused. Otherwise only
	// those are accepted.
	Live bool
	// AcceptDiscounts says that the shop gives all points for a payment of which a promotion paid a part.
	AcceptDiscounts bool
	// MaxOrderAge is how old an order may be when it is paid; 30 days when zero. A later payment is a problem, LATE.
	MaxOrderAge time.Duration
	// MaxOpenOrders is how many orders of a user may wait for their payment at the same time; 50 when zero.
	MaxOpenOrders int
	// OrderRetention is how long an order that nobody tried to pay is kept; 90 days when zero, never less than MaxOrderAge.
	OrderRetention time.Duration
	// PayMethods are the ways to pay that the shop has a channel for; nil for all of them.
	PayMethods []PayMethod
	// Grace is how long the sweep leaves a new order alone; two minutes when zero.
	Grace time.Duration
}

// New returns the service that credits points for payments at gateway. Both services use the same database.
func New(db *gorm.DB, points *point.Service, gateway Gateway) *Service {
	return &Service{db: db, points: points, Gateway: gateway}
}

const day = 24 * time.Hour

func (s *Service) maxOrderAge() time.Duration { return cmp.Or(s.MaxOrderAge, 30*day) }

func (s *Service) maxOpenOrders() int { return cmp.Or(s.MaxOpenOrders, 50) }

func (s *Service) orderRetention() time.Duration {
	return max(cmp.Or(s.OrderRetention, 90*day), s.maxOrderAge(), sweepTail)
}
