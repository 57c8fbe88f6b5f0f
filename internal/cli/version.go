package cli

import (
	"context"
	"fmt"
	"runtime/debug"
)

// runVersion prints the version given to the linker, or else the module's version.
func runVersion(_ context.Context, r resources) error {
	version := r.version
	if info, ok := debug.ReadBuildInfo(); ok && version == "" {
		version = info.Main.Version
	}
	_, err := fmt.Fprintln(r.stdout, "pointcharge", version)
	return err
}
