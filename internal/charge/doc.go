// Package charge sells points: orders, payments, their refunds, and the problems that operators decide.
package charge
