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

// measureStreams opens many subscriptions and leaves them alone: what do they cost while nothing
// happens, and how long after another request wrote a line do its user's streams have it? The error
// says when a stream was not served, or a user got one more than their share.
func measureStreams(ctx context.Context, o options, w io.Writer) error {
	s := &stage{options: o, sweepEvery: "0s", more: []string{"STREAMS=" + strconv.Itoa(o.payments+perUser)}}
	defer s.close()
	if err := s.setUp(ctx); err != nil {
		return err
	}
	if err := s.serve(ctx); err != nil {
		return err
	}
	if err := s.full(ctx); err != nil {
		return err
	}
	before, err := s.server.used()
	if err != nil {
		return err
	}
	began := time.Now()
	open, err := s.openStreams(ctx)
	defer open.close()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d streams of %d users, opened in %s\n", len(open), s.users, time.Since(began).Round(time.Millisecond))
	return errors.Join(s.idle(ctx, w, before), s.arrival(ctx, w, open))
}

// idle waits, and says what the streams took meanwhile.
func (s *stage) idle(ctx context.Context, w io.Writer, before usage) error {
	opened, err := s.server.used()
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.hang):
	}
	after, err := s.server.used()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "memory %d KB before, %d KB with them: %.1f KB each\nprocessor while nothing happens: %.1f %% of a core over %s\n",
		before.memory, after.memory, float64(after.memory-before.memory)/float64(s.payments),
		100*(after.processor-opened.processor).Seconds()/s.hang.Seconds(), s.hang)
	return nil
}

// openStreams opens the users' streams in turn, so many at a time as there are clients, and returns
// when all are listened to. Those that were opened must be closed, also after an error.
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
			if err := open[i].listen(s.server.address, userNumber(i%s.users)); err != nil {
				return fmt.Errorf("stream %d: %w", i, err)
			}
			return nil
		})
	}
	err := group.Wait()
	return slices.DeleteFunc(open, func(c connection) bool { return c.Conn == nil }), err
}

func userNumber(i int) string { return "user-" + strconv.Itoa(i) }

// listen begins the user's stream, and returns when the server says that it has.
func (c connection) listen(address, user string) error {
	token, err := signToken(user, map[string]string{})
	if err != nil {
		return err
	}
	if err := c.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	query := []byte(`{"query":"subscription { viewerTransactionAdded { seq } }"}`)
	if _, err := c.Write(post(address, "/graphql/stream", token, query, nil).request); err != nil {
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
	return c.await(":\n")
}

var errRefused = errors.New("refused")

// await reads until a line is text. The chunks that HTTP cuts a stream into end with lines of their
// own.
func (c connection) await(text string) error {
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

// full fails unless a user's streams end at their share.
func (s *stage) full(ctx context.Context) error {
	open, err := dialAll(ctx, s.server.address, perUser+1)
	if err != nil {
		return err
	}
	defer open.close()
	for i, c := range open {
		if err = c.listen(s.server.address, "greedy"); (err != nil) != (i == perUser) {
			return fmt.Errorf("stream %d of a user who may have %d: %w", i+1, perUser, err)
		}
	}
	if !errors.Is(err, errRefused) || !strings.Contains(err.Error(), "RATE_LIMITED") {
		return err
	}
	return nil
}

// arrival has a line written for one user, and says when all of their streams had it.
func (s *stage) arrival(ctx context.Context, w io.Writer, open connections) error {
	operator := auth.Identity{UserID: "boss", Roles: []auth.Role{auth.RoleAdmin}, ExpiresAt: time.Now().Add(time.Hour)}
	token, err := auth.Sign([]byte(authSecret), operator, "", "")
	if err != nil {
		return err
	}
	body := fmt.Appendf(nil, `{"query":"mutation { adjustPoints(input: {userId: \"%s\", amount: 1, reference: \"r\", reason: \"bench\"}) { id } }"}`, userNumber(0))
	adjust := post(s.server.address, "/graphql", token, body, func(answer []byte) error {
		if !bytes.Contains(answer, []byte(`"id":`)) {
			return fmt.Errorf("no line: %s", answer)
		}
		return nil
	})
	began := time.Now()
	if _, err := send(ctx, s.server.address, 1, []exchange{adjust}); err != nil {
		return err
	}
	heard := 0
	for i := 0; i < len(open); i += s.users {
		if err := open[i].SetDeadline(time.Now().Add(answerTimeout)); err != nil {
			return err
		}
		if err := open[i].await("data: {\"data\""); err != nil {
			return err
		}
		heard++
	}
	fmt.Fprintf(w, "a line reached its user's %d streams within %s\n", heard, time.Since(began).Round(time.Millisecond))
	return nil
}

// usage is what a process has taken so far.
type usage struct {
	memory    int           // KB, resident
	processor time.Duration // of all its threads
}

// used asks Linux.
func (p *program) used() (u usage, err error) {
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
	_, after, _ := strings.Cut(string(stat), ") ") // the command's name may have spaces in it
	const tick = 10 * time.Millisecond             // USER_HZ, which is 100 wherever Linux runs
	for _, field := range strings.Fields(after)[11:13] {
		ticks, err := strconv.Atoi(field)
		if err != nil {
			return u, err
		}
		u.processor += time.Duration(ticks) * tick
	}
	return u, nil
}
