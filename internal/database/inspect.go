package database

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// Facts are what an operator asks about a database first.
type Facts struct {
	Engine  string // postgres or sqlite
	Version string // of the engine
	Pooled  bool   // a connection pooler such as PgBouncer stands between
	// ClockAhead is how far this machine's clock is ahead of the database's; negative when it is
	// behind. SQLite has no clock of its own.
	ClockAhead time.Duration
}

// Inspect reads the facts about db. It writes nothing.
func Inspect(ctx context.Context, db *gorm.DB) (Facts, error) {
	facts := Facts{Engine: db.Name()}
	db = db.WithContext(ctx)
	dialector, ok := db.Dialector.(postgresDialector)
	if !ok {
		if err := db.Raw("SELECT sqlite_version()").Scan(&facts.Version).Error; err != nil {
			return facts, fmt.Errorf("inspect database: %w", err)
		}
		return facts, nil
	}
	facts.Pooled = dialector.migrationConnector != nil
	var row struct {
		Version string
		Now     time.Time
	}
	sent := time.Now()
	err := db.Raw("SELECT current_setting('server_version') AS version, clock_timestamp() AS now").Scan(&row).Error
	if err != nil {
		return facts, fmt.Errorf("inspect database: %w", err)
	}
	answered := time.Now()
	facts.Version = row.Version
	facts.ClockAhead = sent.Add(answered.Sub(sent) / 2).Sub(row.Now)
	return facts, nil
}
