package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"
)

// measureCharges measures both sides and prints the result. The error says when the server is
// slower than the mark allows, or when the server wrote a wrong row.
func measureCharges(ctx context.Context, o options, w io.Writer) error {
	s := &stage{options: o, sweepEvery: "0s"}
	defer s.close()
	if err := s.setUp(ctx); err != nil {
		return err
	}
	p, err := s.watchOneCharge(ctx)
	if err != nil {
		return err
	}
	if err := s.startMeasuredServer(ctx); err != nil {
		return err
	}
	if err := s.printIntroduction(ctx, w); err != nil {
		return err
	}
	rounds, err := s.measureRounds(ctx, p, w)
	if err != nil {
		return err
	}
	if err := s.verifyBothSides(ctx); err != nil {
		return err
	}
	return printConclusion(w, rounds, o.mark)
}

func (s *stage) printIntroduction(ctx context.Context, w io.Writer) error {
	var version, fsync string
	err := s.db.QueryRow(ctx, "SELECT current_setting('server_version'), current_setting('fsync')").Scan(&version, &fsync)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d payments a round on each side, %d clients, %d users, %d cores, PostgreSQL %s, fsync %s\n\n",
		s.payments, s.clients, s.users, runtime.NumCPU(), version, fsync)
	const heading = "   rate/s       p50       p99"
	fmt.Fprintf(w, "%-10s%s%s%s\n", "", centerText("server", len(heading)), centerText("pgbench", len(heading)), "     ratio")
	fmt.Fprintf(w, "%-10s%s%s\n", "", heading, heading)
	return nil
}

func centerText(text string, width int) string {
	left := (width - len(text)) / 2
	return strings.Repeat(" ", left) + text + strings.Repeat(" ", width-left-len(text))
}

// measureRounds measures round after round. The first, short round does not count: the round fills
// caches, prepares statements and grows the connection pools. The two sides take turns at
// beginning.
func (s *stage) measureRounds(ctx context.Context, p *pgbench, w io.Writer) ([]round, error) {
	warmUp := s.warmUp()
	if _, err := s.measureBothSides(ctx, p, 0, 0, warmUp); err != nil {
		return nil, err
	}
	var rounds []round
	for i := range s.rounds {
		r, err := s.measureBothSides(ctx, p, i, warmUp+i*s.payments, s.payments)
		if err != nil {
			return nil, err
		}
		rounds = append(rounds, r)
		printRow(w, fmt.Sprint("round ", i+1), rounds[i:])
	}
	return rounds, nil
}

// warmUp is the number of payments in the warm-up round, whose figures do not count.
func (o options) warmUp() int { return roundUp(max(1, o.payments/10), o.clients) }

// measureBothSides measures both sides with n new orders each; there were offset before.
func (s *stage) measureBothSides(ctx context.Context, p *pgbench, number, offset, n int) (r round, err error) {
	halves := []func() error{
		func() (err error) { r.server, err = s.chargeByServer(ctx, offset, n); return err },
		func() (err error) { r.pgbench, err = s.chargeByPgbench(ctx, p, offset, n); return err },
	}
	for i := range halves {
		if err := halves[(number+i)%len(halves)](); err != nil {
			return round{}, err
		}
	}
	return r, nil
}

func (s *stage) chargeByServer(ctx context.Context, offset, n int) (sample, error) {
	orders := s.newOrders(serverSide, offset, n)
	exchanges, err := chargeExchanges(s.server.address, orders)
	if err != nil {
		return sample{}, err
	}
	if err := s.openAndPayOrders(ctx, orders); err != nil {
		return sample{}, err
	}
	if err := s.settleDatabase(ctx); err != nil {
		return sample{}, err
	}
	charged, err := sendExchanges(ctx, s.server.address, s.clients, exchanges)
	if err != nil {
		return sample{}, fmt.Errorf("charge: %w\nthe server said:\n%s", err, s.server.output)
	}
	return charged, nil
}

// openAndPayOrders opens and pays the orders.
func (s *stage) openAndPayOrders(ctx context.Context, orders []order) error {
	if err := s.insertOrders(ctx, orders); err != nil {
		return fmt.Errorf("open orders: %w", err)
	}
	if err := s.payOrders(ctx, orders); err != nil {
		return fmt.Errorf("pay orders: %w", err)
	}
	return nil
}

func (s *stage) chargeByPgbench(ctx context.Context, p *pgbench, offset, n int) (sample, error) {
	if err := s.insertOrders(ctx, s.newOrders(pgbenchSide, offset, n)); err != nil {
		return sample{}, fmt.Errorf("open orders: %w", err)
	}
	if err := s.settleDatabase(ctx); err != nil {
		return sample{}, err
	}
	return p.runCharges(ctx, offset, n)
}

// printRow prints the medians of the rounds.
func printRow(w io.Writer, name string, rounds []round) {
	fmt.Fprintf(w, "%-10s", name)
	for _, half := range []func(round) sample{
		func(r round) sample { return r.server },
		func(r round) sample { return r.pgbench },
	} {
		rate := medianOfRounds(rounds, func(r round) float64 { return half(r).ratePerSecond() })
		p50 := medianOfRounds(rounds, func(r round) time.Duration { return half(r).latencyOfShare(0.50) })
		p99 := medianOfRounds(rounds, func(r round) time.Duration { return half(r).latencyOfShare(0.99) })
		fmt.Fprintf(w, "%9.0f%10s%10s", rate, formatMilliseconds(p50), formatMilliseconds(p99))
	}
	fmt.Fprintf(w, "%10.3f\n", medianOfRounds(rounds, round.throughputRatio))
}

func formatMilliseconds(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }

// printConclusion prints the medians and fails when the ratio of the medians is below the mark.
func printConclusion(w io.Writer, rounds []round, mark float64) error {
	printRow(w, "median", rounds)
	ratio := medianOfRounds(rounds, round.throughputRatio)
	if ratio < mark {
		return fmt.Errorf("the ratio %.3f is below the mark of %.3f", ratio, mark)
	}
	fmt.Fprintf(w, "\nthe ratio %.3f reaches the mark of %.3f\n", ratio, mark)
	return nil
}
