// Package e2e tests the whole program: commands run as in the main function, and the tests talk
// HTTP only.
package e2e
