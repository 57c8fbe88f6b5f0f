package charge

import (
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
	// Grace is how long the sweep leaves a new order alone; two minutes when zero.
	Grace time.Duration
}

// New returns the service that credits points for payments at gateway. Both services use the same database.
func New(db *gorm.DB, points *point.Service, gateway Gateway) *Service {
	return &Service{db: db, points: points, Gateway: gateway}
}

const day = 24 * time.Hour
