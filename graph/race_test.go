//go:build race

package graph_test

// slowdown is the factor by which the race detector slows measured code.
const slowdown = 20
