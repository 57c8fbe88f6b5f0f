// Command document writes docs/configuration.md and docs/configuration.ko.md.
package main

import (
	"errors"
	"log"
	"os"

	"pointcharge/internal/config"
)

// main runs in internal/config, started by go generate.
func main() {
	err := errors.Join(
		os.WriteFile("../../docs/configuration.md", []byte(config.Document()), 0o644),
		os.WriteFile("../../docs/configuration.ko.md", []byte(config.DocumentKorean()), 0o644),
	)
	if err != nil {
		log.Fatal(err)
	}
}
