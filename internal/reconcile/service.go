package reconcile

import (
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/charge"
	"pointcharge/internal/point"
)

// Reconciler compares the gateway's lists with our payments.
type Service struct {
	db      *gorm.DB
	points  *point.Service
	charges *charge.Service
	// Reconciling says how ReconcileDue picks its period.
	Reconciling Schedule
}

// NewReconciler returns the service that compares the payments of charges. All services use the same database.
func New(db *gorm.DB, points *point.Service, charges *charge.Service) *Service {
	return &Service{db: db, points: points, charges: charges}
}

const day = 24 * time.Hour

// maxReconciliations is the longest list of runs.
const maxReconciliations = 50
