package cli

import (
	"context"
	"flag"

	"pointcharge/internal/server"
)

func setUpServe(*flag.FlagSet) task { return task{run: runServe, logsWarnings: true} }

// runServe runs the server, which opens the database itself.
func runServe(ctx context.Context, r resources) error {
	log := server.NewLog(r.cfg, r.stdout)
	for _, warning := range r.warnings {
		log.Warn("setting ignored", "name", warning.Name, "problem", warning.Problem)
	}
	return server.Serve(ctx, r.cfg, r.clock, r.stdout)
}
