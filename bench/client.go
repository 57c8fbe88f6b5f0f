package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// answerTimeout is longer than any operation of the server takes.
const answerTimeout = time.Minute

// exchange is one request in wire format and the check of the answer.
type exchange struct {
	request []byte
	check   func(body []byte) error
}

// newPostExchange writes the whole request in advance. The clients share the machine's cores with
// the server, so the clients do as little work as pgbench's clients while the clock runs.
func newPostExchange(host, path, token string, body []byte, check func([]byte) error) exchange {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n", path, host)
	if token != "" {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", token)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return exchange{b.Bytes(), check}
}

// sendExchanges makes every exchange once, over one kept connection per client. The first wrong
// answer ends the run.
func sendExchanges(ctx context.Context, address string, clients int, exchanges []exchange) (sample, error) {
	s := sample{latencies: make([]time.Duration, len(exchanges))}
	connections, err := dialAll(ctx, address, clients)
	if err != nil {
		return s, err
	}
	defer connections.closeAll()
	group, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, connections.closeAll) // ends the reads and writes under way
	defer stop()
	var next atomic.Int64
	started := time.Now()
	for _, c := range connections {
		group.Go(func() error {
			for i := next.Add(1) - 1; i < int64(len(exchanges)); i = next.Add(1) - 1 {
				begun := time.Now()
				if err := c.doExchange(exchanges[i]); err != nil {
					return fmt.Errorf("request %d: %w", i, err)
				}
				s.latencies[i] = time.Since(begun)
			}
			return nil
		})
	}
	err = group.Wait()
	s.took = time.Since(started)
	return s, err
}

// connection is one client's, kept open between requests.
type connection struct {
	net.Conn
	reader *bufio.Reader
}

type connections []connection

func dialAll(ctx context.Context, address string, n int) (connections, error) {
	var all connections
	for range n {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			all.closeAll()
			return nil, err
		}
		all = append(all, connection{conn, bufio.NewReader(conn)})
	}
	return all, nil
}

func (all connections) closeAll() {
	for _, c := range all {
		_ = c.Close()
	}
}

func (c connection) doExchange(e exchange) error {
	status, body, err := c.answer(e.request)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("status %d: %s", status, body)
	}
	return e.check(body)
}

// answer sends a request and returns the status and the body of its answer.
func (c connection) answer(request []byte) (status int, body []byte, err error) {
	if err := c.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return 0, nil, err
	}
	if _, err := c.Write(request); err != nil {
		return 0, nil, err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}
