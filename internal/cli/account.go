package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"pointcharge/internal/config"
	"pointcharge/internal/database"
	"pointcharge/internal/server"
)

// setUpAccount prints which account of Iamport the database serves and which one is configured,
// or changes the former to the latter. All other commands refuse a database of another account.
func setUpAccount(flags *flag.FlagSet) task {
	change := flags.Bool("change", false, "let the database serve the configured account from now on")
	reason := flags.String("reason", "", "with -change: why; it is kept")
	return task{
		check: func() error { return checkForm(flags, form{}, form{flag: "change", needs: []string{"reason"}}) },
		run: func(ctx context.Context, r resources) (err error) {
			r.db, err = server.OpenDatabaseOfAnyAccount(ctx, r.cfg, server.NewLog(r.cfg, r.stderr), database.CheckVersion)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, database.Close(r.db)) }()
			if *change {
				if err := r.changeAccount(ctx, *reason); err != nil {
					return err
				}
			}
			return r.printAccounts(ctx)
		},
	}
}

func (r resources) changeAccount(ctx context.Context, reason string) error {
	if r.cfg.Mode != config.Live {
		return UsageError{errors.New("a database in sandbox mode belongs to no account")}
	}
	actor, err := r.commandActor("")
	if err != nil {
		return err
	}
	inForce, _, err := database.AccountInForce(ctx, r.db)
	if err != nil {
		return err
	}
	return database.ChangeAccount(ctx, r.db, database.AccountChange{From: inForce, To: server.GatewayAccount(r.cfg), Reason: reason,
		ActorKind: string(actor.Kind), ActorID: actor.ID})
}

func (r resources) printAccounts(ctx context.Context) error {
	inForce, since, err := database.AccountInForce(ctx, r.db)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.stdout, "in force:   %s\nconfigured: %s\n", describeAccount(inForce, since), server.GatewayAccount(r.cfg))
	return err
}

func describeAccount(account string, since time.Time) string {
	if account == "" {
		return "none"
	}
	return account + " since " + since.UTC().Format(time.RFC3339)
}
