// Command bench measures the server against the database it stands on.
//
// "go run ./bench charge" answers one question: of the charges that this machine's PostgreSQL could write, how many
// does the server write, GraphQL, tokens, Iamport and all? Everything runs on this machine as processes of its own, on
// loopback and in temporary folders, and is gone when the command ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// options are the command's flags.
type options struct {
	payments int
	clients  int
	users    int
	rounds   int
	mark     float64
	server   string // a binary; empty to build one
	pgbench  string // a binary; empty for the one beside PostgreSQL's others
}

func main() {
	// A second signal changes nothing: the processes and folders that were made have to go first.
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

var errUsage = errors.New("usage: go run ./bench charge [flags]; try -h")

func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 || args[0] != "charge" {
		return errUsage
	}
	o, err := parse(args[1:], stdout)
	if err != nil {
		return err
	}
	err = compare(ctx, o, stdout)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx) // what broke off with it is no news
	}
	return err
}

func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("charge", flag.ContinueOnError)
	flags.SetOutput(stdout)
	flags.IntVar(&o.payments, "n", 10_000, "payments to charge in each round, on each side")
	flags.IntVar(&o.clients, "clients", 32, "how many charge at once")
	flags.IntVar(&o.users, "users", 1000, "whose payments they are")
	flags.IntVar(&o.rounds, "rounds", 3, "how often both sides are measured; the median counts")
	flags.Float64Var(&o.mark, "mark", 0.35, "the least ratio of the two rates; below it the command fails")
	flags.StringVar(&o.server, "server", "", "measure this pointcharge binary instead of building one")
	flags.StringVar(&o.pgbench, "pgbench", "", "the pgbench to use instead of the one beside the PostgreSQL server")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return o, err
	} else if err != nil {
		return o, fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() > 0 || min(o.payments, o.clients, o.users, o.rounds) < 1 || o.payments > maxPayments {
		return o, fmt.Errorf("%w: numbers are at least 1, -n at most %d", errUsage, maxPayments)
	}
	// Each of pgbench's clients makes the same number of transactions.
	o.payments = roundUp(o.payments, o.clients)
	return o, nil
}

func roundUp(n, multiple int) int { return (n + multiple - 1) / multiple * multiple }
