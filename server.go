// Command pointcharge sells points: a person pays through Iamport (아임포트), and the payment becomes
// points, exactly once. Run it without arguments for a sandbox that needs nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"pointcharge/internal/cli"
)

// version is set by the linker, as in -ldflags "-X main.version=1.2.3".
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	program := cli.Program{Version: version, Getenv: os.Getenv, Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr}
	err := program.Run(ctx, os.Args[1:])
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "pointcharge:", err)
	if _, ok := errors.AsType[cli.UsageError](err); ok {
		os.Exit(2)
	}
	os.Exit(1)
}
