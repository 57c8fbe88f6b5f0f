// Package cli is the command line of the program. Run finds the command, opens the command's
// declared resources, and runs the command.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/config"
	"pointcharge/internal/database"
	"pointcharge/internal/server"
)

// Program is the program with its input and output. Stdout gets a command's output and the server's
// log, Stderr the logs of the other commands: programs may read a command's output.
type Program struct {
	Version string
	Getenv  func(string) string
	// Environ is the whole environment, as NAME=value, in which misspelt settings are looked for.
	Environ        []string
	Stdout, Stderr io.Writer
	// Clock is the time of the domains and the schedule; time.Now when nil.
	Clock func() time.Time
}

// UsageError is a mistake in the program's arguments or environment.
type UsageError struct{ error }

func (e UsageError) Unwrap() error { return e.error }

// Run runs the command in args until ctx ends. The error is a UsageError when the mistake lies in
// args or the environment.
func (p Program) Run(ctx context.Context, args []string) error {
	name := "serve"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, args = args[0], args[1:]
	} else if len(args) > 0 && isHelp(args[0]) {
		return printUsage(p.Stdout)
	}
	for _, c := range allCommands() {
		if c.name == name {
			return p.startCommand(ctx, c, args)
		}
	}
	if name == "help" {
		return printUsage(p.Stdout)
	}
	return UsageError{fmt.Errorf("there is no command %q; try pointcharge -h", name)}
}

// startCommand runs a command, or prints help when the arguments ask for help.
func (p Program) startCommand(ctx context.Context, c command, args []string) error {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(p.Stdout)
	flags.Usage = func() {
		fmt.Fprintf(p.Stdout, "Usage: pointcharge %s %s\n\n%s\n", c.name, c.args, c.help)
		flags.PrintDefaults()
	}
	t := c.setUp(flags)
	err := parseArguments(flags, args, c.operands, t)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err == nil {
		err = p.runWithNeeds(ctx, c.needs, t, resources{operands: flags.Args(), version: p.Version, stdout: p.Stdout, stderr: p.Stderr,
			getenv: p.Getenv, clock: p.Clock})
	}
	if _, ok := errors.AsType[config.Errors](err); ok {
		return UsageError{fmt.Errorf("the environment is not right:\n%w", err)}
	}
	return err
}

// parseArguments reads the flags, counts the operands after the flags, and checks the combination
// of the flags.
func parseArguments(flags *flag.FlagSet, args []string, operands int, t task) error {
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil {
		return UsageError{err}
	}
	if t.isBulk != nil && t.isBulk() {
		operands = 0
	}
	if flags.NArg() != operands {
		flags.Usage()
		return UsageError{fmt.Errorf("%s takes %s, not %d", flags.Name(), formatCount(operands, "argument", "arguments"), flags.NArg())}
	}
	if t.check == nil {
		return nil
	}
	if err := t.check(); err != nil {
		return UsageError{err}
	}
	return nil
}

// runWithNeeds opens the command's resources, runs the command, and closes the resources.
func (p Program) runWithNeeds(ctx context.Context, n needs, t task, r resources) (err error) {
	if n >= configuration {
		if r.cfg, err = config.Load(p.Getenv); err != nil {
			return err
		}
		r.warnings = config.Unknown(p.Environ)
		if !t.logsWarnings {
			printWarnings(p.Stderr, r.warnings)
		}
	}
	if n >= books {
		if r.db, err = server.OpenDatabase(ctx, r.cfg, server.NewLog(r.cfg, p.Stderr), database.CheckVersion); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, database.Close(r.db)) }()
	}
	if n >= service {
		services := server.NewServices(r.cfg, r.db, r.clock, server.NewLog(r.cfg, p.Stderr))
		defer services.CloseIdleConnections()
		r.services = services
	}
	return t.run(ctx, r)
}

// needs is the set of resources of a command. Each value includes all smaller values.
type needs int

const (
	nothing       needs = iota
	configuration       // the environment, checked
	books               // the database, of this program's version and the configured mode
	service             // the domain, with Iamport as its gateway
)

// resources are open while a command runs. Resources that the command does not need are zero.
type resources struct {
	operands       []string // the arguments after the flags
	version        string
	stdout, stderr io.Writer
	cfg            config.Config
	warnings       []config.Mistake // about the environment
	db             *gorm.DB
	services       server.Services
	getenv         func(string) string
	clock          func() time.Time // nil is time.Now
}

// task is a command with declared flags.
type task struct {
	check func() error // checks the flags together, before any resource is opened; may be nil
	run   func(context.Context, resources) error
	// isBulk tells whether the flags stand in place of the command's arguments; may be nil.
	isBulk func() bool
	// logsWarnings is set by a command that has a log of its own for resources.warnings.
	logsWarnings bool
}

// withoutFlags sets up a command without flags.
func withoutFlags(run func(context.Context, resources) error) func(*flag.FlagSet) task {
	return func(*flag.FlagSet) task { return task{run: run} }
}

func printWarnings(w io.Writer, warnings []config.Mistake) {
	for _, warning := range warnings {
		fmt.Fprintf(w, "pointcharge: %s %s\n", warning.Name, warning.Problem)
	}
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

func printUsage(w io.Writer) error {
	fmt.Fprint(w, "Usage: pointcharge [COMMAND] [-h]\n\n")
	for _, c := range allCommands() {
		fmt.Fprintf(w, "  %-9s %-44s %s\n", c.name, c.args, firstLine(c.help))
	}
	_, err := fmt.Fprint(w, "\nSettings come from the environment; see pointcharge serve -h.\n")
	return err
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// formatCount returns a number and the matching form of the noun, and perhaps of a verb.
func formatCount[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
