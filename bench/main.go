// Command bench measures the server against the database below the server.
//
// "go run ./bench charge" answers: of the charges that this machine's PostgreSQL could write, how
// many does the server write, GraphQL, tokens, Iamport and all? "go run ./bench outage" answers:
// while Iamport hangs, how much slower are requests without any need of Iamport, and how do the
// requests end that need Iamport? "go run ./bench streams" (on Linux) answers: how much do ten
// thousand open, idle subscriptions cost? "go run ./bench flood" answers: while ten free accounts
// ask for as much as they may, how much slower are the other users? All processes run on this
// machine, on loopback and in temporary folders, and are gone when the command ends.
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
	"time"
)

// options are the command's flags.
type options struct {
	payments int
	clients  int
	users    int
	rounds   int
	mark     float64
	hang     time.Duration
	server   string // a binary; empty to build one
	pgbench  string // a binary; empty for the pgbench beside PostgreSQL's other programs
}

func main() {
	// A second signal changes nothing: started processes and temporary folders have to be removed
	// first.
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := runBenchmark(ctx, os.Args[1:], os.Stdout)
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

var errUsage = errors.New("usage: go run ./bench charge|flood|outage|streams [flags]; try -h")

func benchmarksByName() map[string]func(context.Context, options, io.Writer) error {
	return map[string]func(context.Context, options, io.Writer) error{"charge": measureCharges, "flood": measureFlood, "outage": measureOutage, "streams": measureStreams}
}

func firstArg(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func runBenchmark(ctx context.Context, args []string, stdout io.Writer) error {
	measure, ok := benchmarksByName()[firstArg(args)]
	if !ok {
		return errUsage
	}
	o, err := parseOptions(args[0], args[1:], stdout)
	if err != nil {
		return err
	}
	err = measure(ctx, o, stdout)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx) // an interrupted run has no further errors worth reporting
	}
	return err
}

func parseOptions(name string, args []string, stdout io.Writer) (options, error) {
	o := defaultOptions(name)
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stdout)
	flags.IntVar(&o.rounds, "rounds", o.rounds, "how often both sides are measured; the median counts")
	flags.IntVar(&o.clients, "clients", o.clients, "how many ask at once")
	flags.IntVar(&o.users, "users", o.users, "whose payments they are")
	switch name {
	case "streams":
		flags.IntVar(&o.payments, "n", o.payments, "streams to open, at most five for each user")
		flags.DurationVar(&o.hang, "idle", o.hang, "how long nothing happens")
	case "flood":
		flags.Float64Var(&o.mark, "mark", o.mark, "the highest ratio of the users' p99; above it the command fails")
		flags.DurationVar(&o.hang, "for", o.hang, "how long each half of a round lasts")
	case "outage":
		flags.IntVar(&o.payments, "n", o.payments, "wallets to read in one go")
		flags.Float64Var(&o.mark, "mark", o.mark, "the highest ratio of the times of reading a wallet; above it the command fails")
		flags.DurationVar(&o.hang, "hang", o.hang, "how long Iamport hangs in each round, and is well before")
	default:
		flags.IntVar(&o.payments, "n", o.payments, "payments to charge in each round, on each side")
		flags.Float64Var(&o.mark, "mark", o.mark, "the least ratio of the two rates; below it the command fails")
	}
	flags.StringVar(&o.server, "server", "", "measure this pointcharge binary instead of building one")
	flags.StringVar(&o.pgbench, "pgbench", "", "the pgbench to use instead of the one beside the PostgreSQL server")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return o, err
	} else if err != nil {
		return o, fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() > 0 || min(o.payments, o.clients, o.users, o.rounds) < 1 || o.hang < 0 || o.payments > maxPayments {
		return o, fmt.Errorf("%w: numbers are at least 1, -n at most %d", errUsage, maxPayments)
	}
	if name == "streams" && o.payments > o.users*perUser {
		return o, fmt.Errorf("%w: a user has at most %d streams", errUsage, perUser)
	}
	if name == "charge" { // each of pgbench's clients makes the same number of transactions
		o.payments = roundUp(o.payments, o.clients)
	}
	return o, nil
}

func defaultOptions(name string) options {
	switch name {
	case "flood":
		return options{payments: 1, clients: 1, users: 10, rounds: 3, mark: 5, hang: 20 * time.Second}
	case "outage":
		return options{payments: 1000, clients: 4, users: 1000, rounds: 3, mark: 1.2, hang: 30 * time.Second}
	case "streams":
		return options{payments: 10_000, clients: 8, users: 2000, rounds: 1, hang: time.Minute}
	}
	return options{payments: 10_000, clients: 32, users: 1000, rounds: 3, mark: 0.35}
}

func roundUp(n, multiple int) int { return (n + multiple - 1) / multiple * multiple }
