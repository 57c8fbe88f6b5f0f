// Package torture tests the whole product. Hundreds of people open thousands of orders at a pretend
// Iamport with many faults. Three servers share one PostgreSQL; every few seconds one server is
// killed, and the database crashes too. In the end the books must agree with the pretend Iamport,
// to the last point.
//
//	go test ./internal/torture -timeout 1h -args -seed 7 -n 5000
//
// -args is needed because -n alone belongs to the go command. The flags -clock year, -pgbouncer,
// -failover and -foreign 3 add further hardships; LONG=1 switches -foreign 3 on.
// docs/RELIABILITY.md describes the run, the proof and the measurements.
package torture
