// Package reconcile compares the gateway's lists of payments with the books, and syncs payments
// whose webhooks were lost.
package reconcile

import (
	"cmp"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/charge"
	"pointcharge/internal/point"
)

// Service compares the gateway's lists with the payments in the database.
type Service struct {
	db      *gorm.DB
	points  *point.Service
	charges *charge.Service
	// Reconciling sets the periods of ReconcileDue and the retention.
	Reconciling Schedule
}

// New returns the service that compares the payments of charges. All services use the same
// database.
func New(db *gorm.DB, points *point.Service, charges *charge.Service) *Service {
	return &Service{db: db, points: points, charges: charges}
}

// Schedule sets the periods of ReconcileDue. The zero value means the defaults.
type Schedule struct {
	// Overlap is how far a run goes back behind the end of the last run, for late changes at the
	// gateway; 1 hour.
	Overlap time.Duration
	// LookBack is how far the first run, and then one run each day, goes back for changes that no
	// list shows as new: a payment cancelled in part, still called paid (contract §0.3), or a
	// second deposit; 90 days.
	LookBack time.Duration
	// Retention is how long runs and repaired discrepancies are kept; 90 days. Open and ignored
	// discrepancies, and operators' decisions, are kept for good.
	Retention time.Duration
}

func (s Schedule) overlapOrDefault() time.Duration   { return cmp.Or(s.Overlap, time.Hour) }
func (s Schedule) lookBackOrDefault() time.Duration  { return cmp.Or(s.LookBack, 90*day) }
func (s Schedule) retentionOrDefault() time.Duration { return cmp.Or(s.Retention, 90*day) }

const day = 24 * time.Hour
