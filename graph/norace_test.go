//go:build !race

package graph_test

// slowdown is how much longer things take than they would by themselves.
const slowdown = 1
