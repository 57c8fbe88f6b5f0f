package database

import (
	"context"
	"fmt"
	"slices"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm"
)

// CheckVersion refuses a database whose schema differs from the program's version, and writes no
// rows. Commands that must not migrate call CheckVersion: an operator's tool of another version
// must not change a running server's tables.
func CheckVersion(ctx context.Context, db *gorm.DB) error {
	files, err := migrationFiles(db)
	if err != nil {
		return err
	}
	provider, closeProvider, err := newProvider(db, files)
	if err != nil {
		return err
	}
	defer closeProvider()
	current, err := currentVersion(ctx, db)
	if err != nil {
		return err
	}
	if needed := newestVersion(provider); current < needed {
		return fmt.Errorf("the database's schema is at version %d, this program needs %d: run `pointcharge migrate`", current, needed)
	}
	return refuseNewer(current, provider)
}

// refuseNewer refuses a schema migrated by a newer program, whose tables this program does not
// know.
func refuseNewer(current int64, provider *goose.Provider) error {
	if known := newestVersion(provider); current > known {
		return fmt.Errorf("the database's schema is at version %d, this program knows only %d: use a newer pointcharge", current, known)
	}
	return nil
}

// newestVersion returns the number of the program's last migration.
func newestVersion(provider *goose.Provider) int64 {
	sources := provider.ListSources() // in ascending order, and never empty
	return sources[len(sources)-1].Version
}

// currentVersion returns the number of the last applied migration, or 0. The query avoids goose,
// because goose would create goose's table.
func currentVersion(ctx context.Context, db *gorm.DB) (version int64, err error) {
	db = db.WithContext(ctx)
	// HasTable would take a lost connection for an empty database.
	tables, err := db.Migrator().GetTables()
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	if !slices.Contains(tables, goose.DefaultTablename) {
		return 0, nil
	}
	err = db.Raw("SELECT COALESCE(MAX(version_id), 0) FROM " + goose.DefaultTablename).Scan(&version).Error
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return version, nil
}
