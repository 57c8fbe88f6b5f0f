// Package charge sells points (포인트 충전).
//
// A user opens a charge order for a product, pays at the gateway, and the payment becomes points
// exactly once, by any report: the browser's with Charge; the webhook's, the payment return's, the
// sweep's, the operator's and the command line's with Sync. All reports lead to a question to the
// gateway, and one function merges the answer: apply, in charge.go. Start there.
package charge

import (
	"cmp"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/point"
)

// Service sells points: rules and SQL together. The exported fields are set once, before use.
type Service struct {
	db      *gorm.DB
	points  *point.Service
	Gateway Gateway
	// Live accepts real payments only, and refuses payments through a test channel. Otherwise only
	// payments through a test channel are accepted.
	Live bool
	// AcceptDiscounts gives all points also for a payment partly paid by a promotion.
	AcceptDiscounts bool
	// MaxOrderAge is the greatest age of an order at its payment; 30 days when zero. A later
	// payment is a problem, LATE.
	MaxOrderAge time.Duration
	// MaxOpenOrders is how many orders of a user may wait for their payment at the same time; 50
	// when zero.
	MaxOpenOrders int
	// OrderRetention is how long an order without any attempt is kept; 90 days when zero, never
	// less than MaxOrderAge.
	OrderRetention time.Duration
	// PayMethods are the ways to pay through the shop's channels; nil for all.
	PayMethods []PayMethod
	// Grace is how long the sweep leaves a new order alone; two minutes when zero.
	Grace time.Duration
}

// New returns the service that credits points for payments at gateway. Both services use the same
// database.
func New(db *gorm.DB, points *point.Service, gateway Gateway) *Service {
	return &Service{db: db, points: points, Gateway: gateway}
}

const day = 24 * time.Hour

func (s *Service) maxOrderAge() time.Duration { return cmp.Or(s.MaxOrderAge, 30*day) }

func (s *Service) maxOpenOrders() int { return cmp.Or(s.MaxOpenOrders, 50) }

func (s *Service) orderRetention() time.Duration {
	return max(cmp.Or(s.OrderRetention, 90*day), s.maxOrderAge(), sweepTail)
}
