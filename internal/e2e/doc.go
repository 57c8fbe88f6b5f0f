// Package e2e tests the whole program: it runs commands as the main function does, and from then on
// talks HTTP only.
package e2e
