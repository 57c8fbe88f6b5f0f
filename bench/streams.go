package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"pointcharge/internal/auth"
)

// perUser is how many streams a user may have open, as the server's default is.
const perUser = 5

// measureStreams opens many subscriptions and leaves the streams alone. The figures are the cost of
// idle streams, and the time from a line written by another request to the arrival at the user's
// streams. The error says when a stream was not served, or a user got one stream more than the
// user's share.
func measureStreams(ctx context.Context, o options, w io.Writer) error {
	s := &stage{options: o, sweepEvery: "0s", more: []string{"STREAMS=" + strconv.Itoa(o.payments+perUser)}}
	defer s.close()
	if err := s.setUp(ctx); err != nil {
		return err
	}
	if err := s.startMeasuredServer(ctx); err != nil {
		return err
	}
	if err := s.checkStreamShare(ctx); err != nil {
		return err
	}
	before, err := s.server.readProcessUsage()
	if err != nil {
		return err
	}
	began := time.Now()
	open, err := s.openStreams(ctx)
	defer open.closeAll()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d streams of %d users, opened in %s\n", len(open), s.users, time.Since(began).Round(time.Millisecond))
	return errors.Join(s.measureIdleStreams(ctx, w, before), s.measureLineArrival(ctx, w, open))
}

// measureIdleStreams waits, and prints the processor time and memory of the streams meanwhile.
func (s *stage) measureIdleStreams(ctx context.Context, w io.Writer, before usage) error {
	opened, err := s.server.readProcessUsage()
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.hang):
	}
	after, err := s.server.readProcessUsage()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "memory %d KB before, %d KB with them: %.1f KB each\nprocessor while nothing happens: %.1f %% of a core over %s\n",
		before.memory, after.memory, float64(after.memory-before.memory)/float64(s.payments),
		100*(after.processor-opened.processor).Seconds()/s.hang.Seconds(), s.hang)
	return nil
}

// openStreams opens the users' streams in turn, as many at a time as there are clients, and returns
// when the server has confirmed all streams. The caller must close the opened streams, also after
// an error.
func (s *stage) openStreams(ctx context.Context) (connections, error) {
	open := make(connections, s.payments)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.clients)
	for i := range s.payments {
		group.Go(func() error {
			one, err := dialAll(ctx, s.server.address, 1)
			if err != nil {
				return err
			}
			open[i] = one[0]
			if err := open[i].openUserStream(s.server.address, userNumber(i%s.users)); err != nil {
				return fmt.Errorf("stream %d: %w", i, err)
			}
			return nil
		})
	}
	err := group.Wait()
	return slices.DeleteFunc(open, func(c connection) bool { return c.Conn == nil }), err
}

func userNumber(i int) string { return "user-" + strconv.Itoa(i) }

// openUserStream begins the user's stream, and returns when the server has confirmed the stream.
func (c connection) openUserStream(address, user string) error {
	token, err := signToken(user, map[string]string{})
	if err != nil {
		return err
	}
	if err := c.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	query := []byte(`{"query":"subscription { viewerTransactionAdded { seq } }"}`)
	if _, err := c.Write(newPostExchange(address, "/graphql/stream", token, query, nil).request); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.reader, nil) //nolint:bodyclose // it ends with the connection
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%w: %s: %s", errRefused, response.Status, text)
	}
	return c.readUntilLine(":\n")
}

var errRefused = errors.New("refused")

// readUntilLine reads until a line equals text. The chunks of an HTTP stream end with line breaks,
// too.
func (c connection) readUntilLine(text string) error {
	for {
		line, err := c.reader.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.HasPrefix(line, text) {
			return nil
		}
	}
}

// checkStreamShare fails unless the server refuses a stream beyond a user's share.
func (s *stage) checkStreamShare(ctx context.Context) error {
	open, err := dialAll(ctx, s.server.address, perUser+1)
	if err != nil {
		return err
	}
	defer open.closeAll()
	for i, c := range open {
		if err = c.openUserStream(s.server.address, "greedy"); (err != nil) != (i == perUser) {
			return fmt.Errorf("stream %d of a user who may have %d: %w", i+1, perUser, err)
		}
	}
	if !errors.Is(err, errRefused) || !strings.Contains(err.Error(), "RATE_LIMITED") {
		return err
	}
	return nil
}

// measureLineArrival has a line written for one user, and prints the time until all streams of the
// user had the line.
func (s *stage) measureLineArrival(ctx context.Context, w io.Writer, open connections) error {
	operator := auth.Identity{UserID: "boss", Roles: []auth.Role{auth.RoleAdmin}, ExpiresAt: time.Now().Add(time.Hour)}
	token, err := auth.Sign([]byte(authSecret), operator, "", "")
	if err != nil {
		return err
	}
	body := fmt.Appendf(nil, `{"query":"mutation { adjustPoints(input: {userId: \"%s\", amount: 1, reference: \"r\", reason: \"bench\"}) { id } }"}`, userNumber(0))
	adjust := newPostExchange(s.server.address, "/graphql", token, body, func(answer []byte) error {
		if !bytes.Contains(answer, []byte(`"id":`)) {
			return fmt.Errorf("no line: %s", answer)
		}
		return nil
	})
	began := time.Now()
	if _, err := sendExchanges(ctx, s.server.address, 1, []exchange{adjust}); err != nil {
		return err
	}
	heard := 0
	for i := 0; i < len(open); i += s.users {
		if err := open[i].SetDeadline(time.Now().Add(answerTimeout)); err != nil {
			return err
		}
		if err := open[i].readUntilLine("data: {\"data\""); err != nil {
			return err
		}
		heard++
	}
	fmt.Fprintf(w, "a line reached its user's %d streams within %s\n", heard, time.Since(began).Round(time.Millisecond))
	return nil
}

// usage is the memory and processor time of a process so far.
type usage struct {
	memory    int           // KB, resident
	processor time.Duration // of all the process's threads
}

// readProcessUsage asks Linux.
func (p *program) readProcessUsage() (u usage, err error) {
	folder := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
	status, err := os.ReadFile(folder + "status")
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			u.memory, err = strconv.Atoi(strings.Fields(rest)[0])
		}
	}
	stat, readErr := os.ReadFile(folder + "stat")
	if err = errors.Join(err, readErr); err != nil {
		return u, err
	}
	_, after, _ := strings.Cut(string(stat), ") ") // the command's name may contain spaces
	const tick = 10 * time.Millisecond             // USER_HZ, 100 on every Linux
	for _, field := range strings.Fields(after)[11:13] {
		ticks, err := strconv.Atoi(field)
		if err != nil {
			return u, err
		}
		u.processor += time.Duration(ticks) * tick
	}
	return u, nil
}
