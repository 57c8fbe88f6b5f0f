// Command clockserver is pointcharge with a clock that can be moved, for the torture. Its first
// argument is the file that holds by how much the clock is wrong, as a duration such as -7m.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"pointcharge/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	program := cli.Program{Getenv: os.Getenv, Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr,
		Clock: func() time.Time { return time.Now().Add(readOffset(os.Args[1])) }}
	if err := program.Run(ctx, os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "clockserver:", err)
		os.Exit(1)
	}
}

// readOffset reads by how much the clock is wrong. The torture replaces the file, so that no reader
// sees half of it.
func readOffset(file string) time.Duration {
	text, err := os.ReadFile(file) //nolint:gosec // the torture names it
	offset, wrong := time.ParseDuration(string(text))
	if err := errors.Join(err, wrong); err != nil {
		panic(err)
	}
	return offset
}
