package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// attackerConnections is how many requests each attacker keeps open. Refused ones count, too,
	// so more of them would get fewer answers.
	attackerConnections = 4
	// attackPace is the least time between two requests of an attacker's connection. After a
	// refusal it waits as long as it is told.
	attackPace = 100 * time.Millisecond
	// normalPace is the least time between two requests of a normal user.
	normalPace = 100 * time.Millisecond
	// normalUsers read their wallets.
	normalUsers = 10
)

// measureFlood measures users who read their wallets while nothing else happens, and while free
// accounts ask for as many look-ups as the limits allow. The error says when the users' p99 became
// slower than the mark allows.
func measureFlood(ctx context.Context, o options, w io.Writer) error {
	s := &stage{options: o, sweepEvery: "0s", more: []string{"RATE_LIMIT_USER=20/s burst 60", "RATE_LIMIT_GATEWAY=30/m burst 15"}}
	defer s.close()
	if err := s.setUp(ctx); err != nil {
		return err
	}
	if err := s.startMeasuredServer(ctx); err != nil {
		return err
	}
	var orders []order
	for i := range s.users {
		for j := range 15 {
			orders = append(orders, order{merchantUID: fmt.Sprintf("flood-%d-%d", i, j), userID: userNumber(i)})
		}
	}
	if err := s.insertOrders(ctx, orders); err != nil {
		return err
	}
	fmt.Fprintf(w, "%d users read a wallet every %s, alone and beside %d attackers of %d requests each, for %s in turns\n\n%-10s%22s%22s%10s%18s\n",
		normalUsers, normalPace, s.users, attackerConnections, s.hang, "", "quiet: p50, p99", "flood: p50, p99", "ratio", "answered, refused")
	var rounds []floodRound
	for i := range s.rounds {
		r, err := s.floodRound(ctx)
		if err != nil {
			return err
		}
		rounds = append(rounds, r)
		fmt.Fprintf(w, "%-10s%11s%11s%11s%11s%10.2f%9d%9d\n", fmt.Sprint("round ", i+1), formatMilliseconds(r.quiet.latencyOfShare(0.50)), formatMilliseconds(r.quiet.latencyOfShare(0.99)),
			formatMilliseconds(r.flood.latencyOfShare(0.50)), formatMilliseconds(r.flood.latencyOfShare(0.99)), r.ratio(), r.answered, r.refused)
	}
	ratio := medianOfRounds(rounds, floodRound.ratio)
	fmt.Fprintf(w, "\nmedian ratio of the p99 %.2f (mark %.2f)\n", ratio, s.mark)
	if ratio > s.mark {
		return errors.New("a few free accounts slow everybody down")
	}
	return nil
}

// floodRound is one measurement without and one with attackers.
type floodRound struct {
	quiet, flood      sample
	answered, refused int // of the attackers' requests
}

func (r floodRound) ratio() float64 {
	return r.flood.latencyOfShare(0.99).Seconds() / r.quiet.latencyOfShare(0.99).Seconds()
}

func (s *stage) floodRound(ctx context.Context) (r floodRound, err error) {
	if r.quiet, err = s.readWallets(ctx); err != nil {
		return r, err
	}
	background, stop := context.WithCancel(ctx)
	defer stop()
	attack := make(chan error, 1)
	go func() { attack <- s.attack(background, &r) }()
	r.flood, err = s.readWallets(ctx)
	stop()
	return r, errors.Join(err, <-attack)
}

// readWallets has the normal users read their wallets for as long as a half lasts.
func (s *stage) readWallets(ctx context.Context) (sample, error) {
	body := []byte(`{"query":"{ viewer { balance pointTransactions(first: 5) { edges { node { id amount } } } } }"}`)
	latencies := make([][]time.Duration, normalUsers)
	var group errgroup.Group
	until := time.Now().Add(s.hang)
	for i := range normalUsers {
		group.Go(func() error {
			return s.repeat(ctx, "normal-"+strconv.Itoa(i), body, until, normalPace, func(status int, answer []byte, took time.Duration) error {
				latencies[i] = append(latencies[i], took)
				if status != http.StatusOK || !bytes.Contains(answer, []byte(`"balance":`)) {
					return fmt.Errorf("a normal user's answer is %d %s", status, answer)
				}
				return nil
			})
		})
	}
	err := group.Wait()
	all := sample{took: s.hang}
	for _, user := range latencies {
		all.latencies = append(all.latencies, user...)
	}
	return all, err
}

// attack sends the dearest query that fits the limits, from every account, until ctx ends.
func (s *stage) attack(ctx context.Context, r *floodRound) error {
	var aliases strings.Builder
	for i := range 28 { // 1 + 28 + 28 times 6 look-ups
		fmt.Fprintf(&aliases, " a%d: chargeOrders(first: 12) { ...f }", i)
	}
	const fragment = " fragment f on ChargeOrderConnection { edges { node { product { id } virtualAccount { bank } transaction { order { product { id } transaction { id } } } } } }"
	body := []byte(`{"query":"{ viewer {` + aliases.String() + `} }` + fragment + `"}`)
	counts := make([][2]int, s.users*attackerConnections)
	var group errgroup.Group
	for i := range counts {
		group.Go(func() error {
			return s.repeat(ctx, userNumber(i%s.users), body, time.Now().Add(time.Hour), attackPace, func(status int, answer []byte, _ time.Duration) error {
				switch {
				case status == http.StatusTooManyRequests:
					counts[i][1]++
					return sleep(ctx, retryAfter(answer))
				case status == http.StatusOK && bytes.Contains(answer, []byte(`"transaction":null`)):
					counts[i][0]++
				default:
					return fmt.Errorf("an attacker's answer is %d %.300s", status, answer)
				}
				return nil
			})
		})
	}
	err := group.Wait()
	for _, c := range counts {
		r.answered, r.refused = r.answered+c[0], r.refused+c[1]
	}
	return err
}

// retryAfter is how long a refused request is told to wait.
func retryAfter(answer []byte) time.Duration {
	var refused struct {
		Errors []struct{ Extensions struct{ RetryAfter int } }
	}
	if json.Unmarshal(answer, &refused) != nil || len(refused.Errors) == 0 {
		return time.Second
	}
	return time.Duration(refused.Errors[0].Extensions.RetryAfter) * time.Second
}

// sleep returns early, and without an error, when ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return nil
}

// repeat sends a query as a user, at a pace, until a time or the end of ctx.
func (s *stage) repeat(ctx context.Context, user string, body []byte, until time.Time, pace time.Duration,
	check func(status int, answer []byte, took time.Duration) error) error {
	token, err := signToken(user, map[string]string{})
	if err != nil {
		return err
	}
	all, err := dialAll(ctx, s.server.address, 1)
	if err != nil {
		return err
	}
	defer all.closeAll()
	ticks := time.NewTicker(pace)
	defer ticks.Stop()
	for request := newPostExchange(s.server.address, "/graphql", token, body, nil).request; time.Now().Before(until); {
		began := time.Now()
		status, answer, err := all[0].answer(request)
		if err == nil {
			err = check(status, answer, time.Since(began))
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
	}
	return nil
}
