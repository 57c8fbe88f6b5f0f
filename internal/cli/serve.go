package cli

import (
	"context"

	"pointcharge/internal/server"
)

// runServe runs the server, which opens the database itself.
func runServe(ctx context.Context, r resources) error { return server.Serve(ctx, r.cfg, r.stdout) }
