package cli

import (
	"context"
	"fmt"

	"pointcharge/internal/server"
)

// runExpire writes the due EXPIRE lines of all users.
func runExpire(ctx context.Context, r resources) error {
	users, err := server.RunBatches(ctx, r.services.Points.Expire)
	if err == nil {
		_, err = fmt.Fprintf(r.stdout, "expired points of %s\n", formatCount(users, "user", "users"))
	}
	return err
}
