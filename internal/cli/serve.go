package cli

import (
	"context"

	"pointcharge/internal/server"
)

// runServe runs the server. The server opens the database without the help of this package.
func runServe(ctx context.Context, r resources) error { return server.Serve(ctx, r.cfg, r.stdout) }
