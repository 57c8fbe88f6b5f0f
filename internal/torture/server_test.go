//go:build unix

package torture_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stopTimeout is longer than a server waits for requests in flight.
const stopTimeout = 45 * time.Second

// buildProgram compiles the package of a program.
func buildProgram(t *testing.T, name string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "program")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, name).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, output)
	}
	return binary
}

// server is a server process under a supervisor, restarted after every end, at the same address.
type server struct {
	binary  string
	first   []string // arguments before the command
	env     []string
	address string
	log     io.Writer
	kill    chan time.Duration // sends SIGKILL; the value is the time until the restart

	mu    sync.Mutex
	pids  []int
	exits int   // exits without a signal, as of a server that cannot start without a database
	err   error // of the requested stop
}

func newServer(t *testing.T, binary string, env []string, log io.Writer) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := listener.Addr().String()
	env = append([]string{"ADDR=" + address}, env...)
	return &server{binary: binary, env: env, address: address, log: log, kill: make(chan time.Duration)}
}

func (s *server) url() string { return "http://" + s.address }

// supervise keeps the server running until ctx ends, and then stops it.
func (s *server) supervise(ctx context.Context) {
	for again := true; again; {
		again = s.runOnce(ctx)
	}
}

// runOnce runs the server until the server ends, is killed or is stopped. The result tells whether
// to start the server again.
func (s *server) runOnce(ctx context.Context) bool {
	cmd := exec.Command(s.binary, s.first...)
	cmd.Env = s.env
	cmd.Stdout, cmd.Stderr = s.log, s.log // a pipe: if this process dies, the server's next line ends the server
	if err := cmd.Start(); err != nil {
		s.err = err
		return false
	}
	s.recordPID(cmd.Process.Pid)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
		s.mu.Lock()
		s.exits++
		s.mu.Unlock()
		return pause(ctx, 200*time.Millisecond)
	case down := <-s.kill:
		_ = cmd.Process.Kill()
		<-ended
		pause(ctx, down)
		return true // also when ctx has ended: then it starts once more, and is stopped
	case <-ctx.Done():
		s.err = stopProcess(cmd, ended)
		return false
	}
}

func (s *server) recordPID(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pids = append(s.pids, pid)
}

func stopProcess(cmd *exec.Cmd, ended <-chan error) error {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		return err
	case <-time.After(stopTimeout):
		_ = cmd.Process.Kill()
		return fmt.Errorf("it did not stop in %s: %w", stopTimeout, <-ended)
	}
}

// livingPIDs returns the server's processes that still exist.
func (s *server) livingPIDs() (pids []int) {
	for _, pid := range s.pids {
		if syscall.Kill(pid, 0) == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// command runs another command of the program, as an operator does.
func (s *server) command(ctx context.Context, args ...string) (stdout string, err error) {
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Env = s.env
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err = cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		err = fmt.Errorf("%s: %w: %s", args[0], err, lines[len(lines)-1])
	}
	return out.String(), err
}

// pause waits, and returns false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
