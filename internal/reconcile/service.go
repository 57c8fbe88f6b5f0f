// Package reconcile compares the gateway's lists of payments with our books and repairs what nobody told us of.
package reconcile

import (
	"cmp"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/charge"
	"pointcharge/internal/point"
)

// Service compares the gateway's lists with our payments.
type Service struct {
	db      *gorm.DB
	points  *point.Service
	charges *charge.Service
	// Reconciling says how ReconcileDue picks its period, and how long the past is kept.
	Reconciling Schedule
}

// New returns the service that compares the payments of charges. All services use the same database.
func New(db *gorm.DB, points *point.Service, charges *charge.Service) *Service {
	return &Service{db: db, points: points, charges: charges}
}

// Schedule says how ReconcileDue picks its period. The zero value means the defaults.
type Schedule struct {
	// Overlap is how far a run goes back behind the end of the last one, for what the gateway
	// learnt late; 1 hour.
	Overlap time.Duration
	// LookBack is how far the first run goes back, and then one each day, for what no list shows as
	// new: a payment that was cancelled in part and is still called paid (contract §0.3), a second
	// deposit; 90 days.
	LookBack time.Duration
	// Retention is how long runs and repaired discrepancies are kept; 90 days. Open and ignored
	// discrepancies, and what operators decided, are kept for good.
	Retention time.Duration
}

func (s Schedule) overlap() time.Duration   { return cmp.Or(s.Overlap, time.Hour) }
func (s Schedule) lookBack() time.Duration  { return cmp.Or(s.LookBack, 90*day) }
func (s Schedule) retention() time.Duration { return cmp.Or(s.Retention, 90*day) }

const day = 24 * time.Hour
