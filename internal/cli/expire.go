package cli

import (
	"context"
	"fmt"

	"pointcharge/internal/server"
)

// runExpire writes the EXPIRE lines of all users that are due.
func runExpire(ctx context.Context, r resources) error {
	users, err := server.RunBatches(ctx, r.services.Points.Expire)
	if err == nil {
		_, err = fmt.Fprintf(r.stdout, "expired points of %s\n", plural(users, "user", "users"))
	}
	return err
}
