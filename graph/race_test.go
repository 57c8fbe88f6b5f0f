//go:build race

package graph_test

// slowdown is how much longer things take with the race detector watching.
const slowdown = 20
