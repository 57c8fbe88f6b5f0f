// Package longtest holds the switch between the usual and the long runs of random tests. LONG=1 in
// the environment asks for the long ones, as .ci/run and `make long` do.
package longtest

import "os"

// Size returns how much a random test does: usual without LONG=1, long with it.
func Size(usual, long int) int {
	if os.Getenv("LONG") == "1" {
		return long
	}
	return usual
}
