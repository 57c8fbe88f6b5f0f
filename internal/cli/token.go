package cli

import (
	"context"
	"flag"
	"fmt"
	"time"

	"pointcharge/internal/auth"
	"pointcharge/internal/server"
)

// setUpToken prints a token for a user.
func setUpToken(flags *flag.FlagSet) task {
	user := flags.String("user", "", "the user's id (the token's sub)")
	role := flags.String("role", string(auth.RoleUser), "user, service or admin")
	life := flags.Duration("for", 24*time.Hour, "how long it is valid")
	return task{run: func(_ context.Context, r resources) error {
		token, err := server.SignToken(r.cfg, *user, auth.Role(*role), *life)
		if err != nil {
			return UsageError{err}
		}
		_, err = fmt.Fprintln(r.stdout, token)
		return err
	}}
}
