package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	chargeEvery = 50 * time.Millisecond // a charge is tried so often, whatever became of the last one
	// chargeTimeout is how long a charge may take: the client's 15 seconds for a look-up, and time
	// to answer.
	chargeTimeout = 17 * time.Second
	// recoveryTimeout is how long the sweep may need once Iamport is back.
	recoveryTimeout = 5 * time.Minute
)

// measureOutage measures unrelated queries while Iamport is well and while it hangs, with charges
// going on all the time, and then waits until all that was paid is credited, by nobody's hand. The
// error says when the queries became slower than the mark allows, a charge took longer than its
// deadline, or something was not credited.
func measureOutage(ctx context.Context, o options, w io.Writer) error {
	s := &stage{options: o, sweepEvery: "1s"}
	defer s.close()
	if err := s.setUp(ctx); err != nil {
		return err
	}
	if err := s.serve(ctx); err != nil {
		return err
	}
	fmt.Fprintf(w, "%d clients read a wallet, a charge is tried every %s, Iamport is well and hangs for %s in turns\n\n%-10s%22s%22s%10s%18s\n",
		s.clients, chargeEvery, s.hang, "", "well: p50, p99", "hanging: p50, p99", "ratio", "longest charge")
	var rounds []halves
	for i := range s.rounds {
		h, err := s.outageRound(ctx, i)
		if err != nil {
			return err
		}
		rounds = append(rounds, h)
		h.row(w, fmt.Sprint("round ", i+1))
	}
	if err := s.awaitHealed(ctx, w); err != nil {
		return err
	}
	ratio, longest := median(rounds, halves.ratio), time.Duration(0)
	for _, h := range rounds {
		longest = max(longest, h.longest)
	}
	fmt.Fprintf(w, "\nmedian ratio %.3f (mark %.2f), longest charge %s (deadline %s)\n", ratio, s.mark, longest.Round(time.Millisecond), chargeTimeout)
	if ratio > s.mark || longest > chargeTimeout {
		return errors.New("an outage of Iamport reaches those who do not need it, or keeps the others too long")
	}
	return nil
}

// halves are one round's measurements.
type halves struct {
	well, hanging sample
	longest       time.Duration // of the charges while it hung
}

func (h halves) ratio() float64 {
	return h.hanging.latency(0.50).Seconds() / h.well.latency(0.50).Seconds()
}

func (h halves) row(w io.Writer, name string) {
	fmt.Fprintf(w, "%-10s%11s%11s%11s%11s%10.3f%18s\n", name, milliseconds(h.well.latency(0.50)), milliseconds(h.well.latency(0.99)),
		milliseconds(h.hanging.latency(0.50)), milliseconds(h.hanging.latency(0.99)), h.ratio(), h.longest.Round(time.Millisecond))
}

func (s *stage) outageRound(ctx context.Context, number int) (h halves, err error) {
	if h.well, _, err = s.half(ctx, 2*number); err != nil {
		return h, err
	}
	if err = s.setFaults(ctx, `{"faults": [{"name": "hang"}]}`); err != nil {
		return h, err
	}
	h.hanging, h.longest, err = s.half(ctx, 2*number+1)
	return h, errors.Join(err, s.setFaults(ctx, `{"faults": []}`))
}

// half measures the queries for as long as the outage, at least, while charges go on; longest is
// that of the charges.
func (s *stage) half(ctx context.Context, number int) (queries sample, longest time.Duration, err error) {
	n := int(s.hang/chargeEvery) + 1
	orders := s.newOrders(serverSide, number*n, n)
	if err := s.prepareLate(ctx, orders); err != nil {
		return queries, 0, err
	}
	background, stop := context.WithCancel(ctx)
	defer stop()
	var charging errgroup.Group
	charging.Go(func() (err error) {
		longest, err = s.keepCharging(background, orders)
		return err
	})
	for err == nil && queries.took < s.hang {
		var batch sample
		batch, err = send(ctx, s.server.address, s.clients, s.unrelated())
		queries.took += batch.took
		queries.latencies = append(queries.latencies, batch.latencies...)
	}
	stop()
	return queries, longest, errors.Join(err, charging.Wait())
}

// prepareLate opens and pays the orders, for the sweep to look at when their half is over.
func (s *stage) prepareLate(ctx context.Context, orders []order) error {
	if err := s.prepare(ctx, orders); err != nil {
		return err
	}
	_, err := s.db.Exec(ctx, "UPDATE charge_orders SET check_at = now() + $1 * interval '1 second' WHERE check_at IS NULL AND imp_uid IS NULL",
		s.hang.Seconds()+1)
	return err
}

// keepCharging tries one charge after the other until ctx ends, and returns the longest that one
// took.
func (s *stage) keepCharging(ctx context.Context, orders []order) (longest time.Duration, err error) {
	exchanges, err := chargeExchanges(s.server.address, orders)
	if err != nil {
		return 0, err
	}
	var under sync.WaitGroup
	var mu sync.Mutex
	ticks := time.NewTicker(chargeEvery)
	defer ticks.Stop()
	for _, e := range exchanges {
		under.Go(func() {
			took, failed := s.tryCharge(context.WithoutCancel(ctx), e)
			mu.Lock()
			defer mu.Unlock()
			longest, err = max(longest, took), errors.Join(err, failed)
		})
		select {
		case <-ctx.Done():
			under.Wait()
			return longest, err
		case <-ticks.C:
		}
	}
	under.Wait()
	return longest, err
}

// tryCharge charges once, on a connection of its own. That Iamport does not answer is no failure
// here.
func (s *stage) tryCharge(ctx context.Context, e exchange) (took time.Duration, err error) {
	connections, err := dialAll(ctx, s.server.address, 1)
	if err != nil {
		return 0, err
	}
	defer connections.close()
	began := time.Now()
	e.check = anyAnswer
	err = connections[0].exchange(e)
	return time.Since(began), err
}

// unrelated are queries that Iamport has nothing to do with.
func (s *stage) unrelated() []exchange {
	token, _ := signToken("unrelated", map[string]string{})
	body := []byte(`{"query":"{ viewer { balance pointTransactions(first: 5) { edges { node { id amount } } } } }"}`)
	exchanges := make([]exchange, s.payments)
	for i := range exchanges {
		exchanges[i] = post(s.server.address, "/graphql", token, body, func(answer []byte) error {
			if !bytes.Contains(answer, []byte(`"balance":0`)) {
				return fmt.Errorf("not a wallet: %s", answer)
			}
			return nil
		})
	}
	return exchanges
}

func (s *stage) setFaults(ctx context.Context, plan string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+s.sandbox.address+"/sandbox/faults", bytes.NewReader([]byte(plan)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		var text json.RawMessage
		_ = json.NewDecoder(response.Body).Decode(&text)
		return fmt.Errorf("set faults: %s %s", response.Status, text)
	}
	return nil
}

// awaitHealed waits until every paid order is credited.
func (s *stage) awaitHealed(ctx context.Context, w io.Writer) error {
	began := time.Now()
	for {
		var open, all int
		err := s.db.QueryRow(ctx, "SELECT count(*) FILTER (WHERE status <> 'PAID'), count(*) FROM charge_orders").Scan(&open, &all)
		if err != nil {
			return err
		}
		if open == 0 {
			fmt.Fprintf(w, "\nall %d payments were credited %s after Iamport was back\n", all, time.Since(began).Round(time.Second))
			return nil
		}
		if time.Since(began) > recoveryTimeout {
			return fmt.Errorf("%d of %d payments are not credited %s after Iamport was back", open, all, recoveryTimeout)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}
