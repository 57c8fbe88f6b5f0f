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
	chargeEvery = 50 * time.Millisecond // time between two tries, also after a failed charge
	// chargeTimeout is how long a charge may take: the client's 15 seconds for a look-up, and time
	// to answer.
	chargeTimeout = 17 * time.Second
	// recoveryTimeout is how long the sweep may need once Iamport is back.
	recoveryTimeout = 5 * time.Minute
)

// measureOutage measures unrelated queries while Iamport is well and while Iamport hangs, with
// charges under way all the time. Afterwards measureOutage waits until every paid order is credited
// without a person's help. The error says when the queries became slower than the mark allows, a
// charge took longer than the deadline, or a payment was not credited.
func measureOutage(ctx context.Context, o options, w io.Writer) error {
	s := &stage{options: o, sweepEvery: "1s"}
	defer s.close()
	if err := s.setUp(ctx); err != nil {
		return err
	}
	if err := s.startMeasuredServer(ctx); err != nil {
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
		h.printRow(w, fmt.Sprint("round ", i+1))
	}
	if err := s.awaitHealed(ctx, w); err != nil {
		return err
	}
	ratio, longest := medianOfRounds(rounds, halves.latencyRatio), time.Duration(0)
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
	longest       time.Duration // the longest charge while Iamport hung
}

func (h halves) latencyRatio() float64 {
	return h.hanging.latencyOfShare(0.50).Seconds() / h.well.latencyOfShare(0.50).Seconds()
}

func (h halves) printRow(w io.Writer, name string) {
	fmt.Fprintf(w, "%-10s%11s%11s%11s%11s%10.3f%18s\n", name, formatMilliseconds(h.well.latencyOfShare(0.50)), formatMilliseconds(h.well.latencyOfShare(0.99)),
		formatMilliseconds(h.hanging.latencyOfShare(0.50)), formatMilliseconds(h.hanging.latencyOfShare(0.99)), h.latencyRatio(), h.longest.Round(time.Millisecond))
}

func (s *stage) outageRound(ctx context.Context, number int) (h halves, err error) {
	if h.well, _, err = s.measureHalf(ctx, 2*number); err != nil {
		return h, err
	}
	if err = s.setFaults(ctx, `{"faults": [{"name": "hang"}]}`); err != nil {
		return h, err
	}
	h.hanging, h.longest, err = s.measureHalf(ctx, 2*number+1)
	return h, errors.Join(err, s.setFaults(ctx, `{"faults": []}`))
}

// measureHalf measures the queries for at least the length of the outage, while charges go on.
// longest is the time of the longest charge.
func (s *stage) measureHalf(ctx context.Context, number int) (queries sample, longest time.Duration, err error) {
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
		batch, err = sendExchanges(ctx, s.server.address, s.clients, s.unrelatedQueries())
		queries.took += batch.took
		queries.latencies = append(queries.latencies, batch.latencies...)
	}
	stop()
	return queries, longest, errors.Join(err, charging.Wait())
}

// prepareLate opens and pays the orders for the sweep, due when their half is over.
func (s *stage) prepareLate(ctx context.Context, orders []order) error {
	if err := s.openAndPayOrders(ctx, orders); err != nil {
		return err
	}
	_, err := s.db.Exec(ctx, "UPDATE charge_orders SET check_at = now() + $1 * interval '1 second' WHERE check_at IS NULL AND imp_uid IS NULL",
		s.hang.Seconds()+1)
	return err
}

// keepCharging tries one charge after the other until ctx ends, and returns the time of the
// longest.
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

// tryCharge charges once, on a connection of its own. A missing answer of Iamport is no failure
// here.
func (s *stage) tryCharge(ctx context.Context, e exchange) (took time.Duration, err error) {
	connections, err := dialAll(ctx, s.server.address, 1)
	if err != nil {
		return 0, err
	}
	defer connections.closeAll()
	began := time.Now()
	e.check = anyAnswer
	err = connections[0].doExchange(e)
	return time.Since(began), err
}

// unrelatedQueries returns queries that do not involve Iamport.
func (s *stage) unrelatedQueries() []exchange {
	token, _ := signToken("unrelated", map[string]string{})
	body := []byte(`{"query":"{ viewer { balance pointTransactions(first: 5) { edges { node { id amount } } } } }"}`)
	exchanges := make([]exchange, s.payments)
	for i := range exchanges {
		exchanges[i] = newPostExchange(s.server.address, "/graphql", token, body, func(answer []byte) error {
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
