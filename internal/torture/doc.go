// Package torture tests the whole product. Hundreds of people open thousands of orders at a pretend
// Iamport with many faults. Three servers share one PostgreSQL; one of them is killed every few
// seconds, and the database crashes too. In the end the books must agree with the pretend Iamport,
// to the last point.
//
//	go test ./internal/torture -timeout 1h -args -seed 7 -n 5000
//
// -args is needed because -n without it belongs to the go command. docs/RELIABILITY.md says what the
// torture does, what it proves and what was measured.
package torture
