// Command measure counts properties of a checkout's Go code: the length of functions, files and
// packages, the words in names of unexported functions, and the style of comments. The command
// needs no build and runs on any folder, also of another project or of an old commit:
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
	m, err := measureTree(os.DirFS(os.Args[1]))
	if err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
	m.printTable(os.Stdout)
}
