package cli

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"strings"

	"pointcharge/internal/sandbox"
	"pointcharge/internal/sandbox/fault"
	"pointcharge/internal/server"
)

// setUpSandbox runs the pretend Iamport alone.
func setUpSandbox(flags *flag.FlagSet) task {
	addr := flags.String("addr", "127.0.0.1:8081", "address to listen on")
	webhook := flags.String("webhook", "", "where webhooks go, unless the payment window names a notice_url")
	form := flags.Bool("form", false, "send webhooks as forms instead of JSON")
	key := flags.String("key", "", "the imp_key to accept; any when empty")
	secret := flags.String("secret", "", "the imp_secret to accept; any when empty")
	faults := flags.String("faults", "", "what goes wrong: seed=7,rate=0.3 or hang=0.1,429=1:2,down=1, by name[=rate[:count][@route]]\n"+
		"names: "+strings.Join(fault.Names(), " "))
	return task{run: func(ctx context.Context, r resources) error {
		log := slog.New(slog.NewTextHandler(r.stdout, nil))
		gateway := sandbox.New(sandbox.Config{Key: *key, Secret: *secret, WebhookURL: *webhook, WebhookForm: *form, Log: log})
		defer gateway.Close()
		if err := server.SetFaults(gateway, *faults); err != nil {
			return UsageError{fmt.Errorf("-faults: %w", err)}
		}
		return server.ServeSandbox(ctx, gateway, *addr, log, r.stdout)
	}}
}
