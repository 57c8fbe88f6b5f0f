// Command measure counts what the Go code of a checkout is like: how long its functions, files and
// packages are, how many words its unexported functions' names have, and how its comments read. It
// needs no build, so it can be run on any folder, also of another project or of an old commit:
//
//	go run ./internal/layout/measure DIR
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: measure DIR")
		os.Exit(2)
	}
	m, err := measure(os.DirFS(os.Args[1]))
	if err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
	m.print(os.Stdout)
}
