package main

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/database/databasetest"
)

// The whole comparison in small. The test also notices drift between charge.sql and the server's
// statements.
func TestChargeComparesServerAndPgbench(t *testing.T) {
	t.Parallel()
	if os.Getenv("TEST_DATABASE_URL") != "" {
		t.Skip("needs a PostgreSQL cluster of its own")
	}
	databasetest.EmptyURL(t, databasetest.Postgres) // skips without PostgreSQL
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var out strings.Builder
	args := []string{"charge", "-n", "20", "-clients", "4", "-users", "3", "-rounds", "2", "-mark", "0"}
	if err := runBenchmark(ctx, args, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"20 payments", "round 1", "round 2", "median", "reaches the mark"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
}

// The outage in small: the test checks the end of the payments, not the measured times.
func TestAnOutageHeals(t *testing.T) {
	t.Parallel()
	if os.Getenv("TEST_DATABASE_URL") != "" {
		t.Skip("needs a PostgreSQL cluster of its own")
	}
	databasetest.EmptyURL(t, databasetest.Postgres) // skips without PostgreSQL
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var out strings.Builder
	if err := runBenchmark(ctx, []string{"outage", "-n", "20", "-rounds", "1", "-hang", "200ms", "-mark", "1000"}, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "all 10 payments were credited") {
		t.Errorf("unexpected output:\n%s", out.String())
	}
}

// Streams in small: the test checks that streams are served, heard and bounded, not their cost.
func TestStreamsAreOpenedAndHeard(t *testing.T) {
	t.Parallel()
	if os.Getenv("TEST_DATABASE_URL") != "" || runtime.GOOS != "linux" {
		t.Skip("needs a PostgreSQL cluster of its own, and Linux to tell what a process takes")
	}
	databasetest.EmptyURL(t, databasetest.Postgres) // skips without PostgreSQL
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var out strings.Builder
	if err := runBenchmark(ctx, []string{"streams", "-n", "10", "-users", "2", "-idle", "100ms"}, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"10 streams of 2 users", "KB each", "of a core", "its user's 5 streams"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
}

func TestConcludeFailsBelowTheMark(t *testing.T) {
	t.Parallel()
	latencies := []time.Duration{time.Millisecond, 2 * time.Millisecond}
	r := round{server: sample{2 * time.Second, latencies}, pgbench: sample{time.Second, latencies}}
	for mark, fails := range map[float64]bool{0.49: false, 0.5: false, 0.51: true} {
		if err := printConclusion(new(strings.Builder), []round{r}, mark); (err != nil) != fails {
			t.Errorf("mark %v of a ratio of 0.5: %v", mark, err)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"spend"}, {"charge", "-n", "0"}, {"charge", "-n", "100001"},
		{"charge", "-rounds", "0"}, {"charge", "more"}, {"outage", "-hang", "-1s"}, {"charge", "-unknown"},
		{"streams", "-n", "11", "-users", "2"}} {
		if err := runBenchmark(t.Context(), args, new(strings.Builder)); !errors.Is(err, errUsage) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestShapeIgnoresSpacingAndHowParametersAreWritten(t *testing.T) {
	t.Parallel()
	server := `INSERT INTO "t" ("a","b","c") VALUES ($1,$2,$10) RETURNING x`
	script := "INSERT INTO \"t\" (\"a\", \"b\",\n\t\"c\")\nVALUES (:id, NULL, '') RETURNING x"
	if normalizeStatement(server) != normalizeStatement(script) {
		t.Errorf("%s\n%s", normalizeStatement(server), normalizeStatement(script))
	}
}

func TestCheckDriftNoticesDifferences(t *testing.T) {
	t.Parallel()
	scripted := scriptStatements("-- a comment\n\\set one 1\nbegin;\nSELECT a FROM t WHERE b = :b\n\\gset t_\ncommit;\n")
	same := []string{"begin", "SELECT a FROM t WHERE b = $1", "commit"}
	if err := checkDrift(same, scripted); err != nil {
		t.Errorf("the same statements: %v", err)
	}
	for name, sent := range map[string][]string{
		"one more":     append(slices.Clone(same), "SELECT 1"),
		"one less":     same[:2],
		"other column": {"begin", "SELECT c FROM t WHERE b = $1", "commit"},
		"no parameter": {"begin", "SELECT a FROM t WHERE b = 7", "commit"},
		"IS NULL":      {"begin", "SELECT a FROM t WHERE b IS NULL", "commit"},
		"other order":  {"SELECT a FROM t WHERE b = $1", "begin", "commit"},
		"none":         nil,
	} {
		if checkDrift(sent, scripted) == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

func TestIsChargeOfRefusesOtherAnswers(t *testing.T) {
	t.Parallel()
	o := order{impUID: "imp_1"}
	right := `{"data":{"createPointTransaction":{"id":"x","kind":"CHARGE","amount":5000,"impUid":"imp_1"}}}`
	if err := isChargeOf(o, []byte(right)); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{
		``, `{"data":null,"errors":[{"message":"no"}]}`,
		strings.Replace(right, "CHARGE", "BONUS", 1),
		strings.Replace(right, "imp_1", "imp_2", 1),
		strings.Replace(right, "5000", "4999", 1),
	} {
		if isChargeOf(o, []byte(wrong)) == nil {
			t.Errorf("accepted %s", wrong)
		}
	}
}

func TestSampleAndMedian(t *testing.T) {
	t.Parallel()
	var s sample
	for i := range 100 {
		s.latencies = append(s.latencies, time.Duration(100-i)*time.Millisecond)
	}
	s.took = 2 * time.Second
	if s.ratePerSecond() != 50 || s.latencyOfShare(0.5) != 51*time.Millisecond || s.latencyOfShare(0.99) != 100*time.Millisecond {
		t.Error(s.ratePerSecond(), s.latencyOfShare(0.5), s.latencyOfShare(0.99))
	}
	rates := func(r round) float64 { return r.server.ratePerSecond() }
	slow, fast := sample{time.Second, s.latencies[:10]}, sample{time.Second, s.latencies[:30]}
	if got := medianOfRounds([]round{{server: fast}, {server: slow}, {server: s}}, rates); got != 30 {
		t.Error("median of three:", got)
	}
	if got := medianOfRounds([]round{{server: fast}, {server: slow}}, rates); got != 20 {
		t.Error("median of two:", got)
	}
}

// The flood in small: that the users are served and the attackers refused is looked at, how fast is
// not.
func TestAFloodIsRefused(t *testing.T) {
	t.Parallel()
	if os.Getenv("TEST_DATABASE_URL") != "" {
		t.Skip("needs a PostgreSQL cluster of its own")
	}
	databasetest.EmptyURL(t, databasetest.Postgres) // skips without PostgreSQL
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var out strings.Builder
	if err := runBenchmark(ctx, []string{"flood", "-users", "2", "-rounds", "1", "-for", "2s", "-mark", "1000"}, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "round 1") || strings.HasSuffix(strings.TrimSpace(strings.Split(out.String(), "\n")[3]), " 0") {
		t.Errorf("unexpected output:\n%s", out.String())
	}
}
