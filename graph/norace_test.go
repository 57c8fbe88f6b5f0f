//go:build !race

package graph_test

// slowdown is the factor by which measured code is slower than alone.
const slowdown = 1
