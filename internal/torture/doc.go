// Package torture is a test of the whole product, and nothing else: thousands of orders by hundreds of people against a
// pretend Iamport at which much goes wrong, three servers on one PostgreSQL of which one is killed every few seconds,
// the database crashing under them. In the end the books must say what the pretend Iamport says, to the last point.
//
//	go test ./internal/torture -timeout 1h -args -seed 7 -n 5000
//
// -args, because -n without it is the go command's own. docs/RELIABILITY.md says what is done, what is proved by it, and what was measured.
package torture
