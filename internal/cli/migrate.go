package cli

import (
	"context"
	"fmt"

	"pointcharge/internal/database"
	"pointcharge/internal/server"
)

// runMigrate migrates the database and stamps the database with the configured mode.
func runMigrate(ctx context.Context, r resources) error {
	db, err := server.OpenDatabase(ctx, r.cfg, server.NewLog(r.cfg, r.stderr), database.Migrate)
	if err != nil {
		return err
	}
	if err := database.Close(db); err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.stdout, "%s is up to date\n", r.cfg.DatabaseName())
	return err
}
