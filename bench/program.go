package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 40 * time.Second // longer than the server waits for requests in flight
)

// buildServer compiles the server into dir and returns the path of the binary.
func buildServer(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "pointcharge")
	if output, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "pointcharge").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, output)
	}
	return binary, nil
}

// program is a listening process of the pointcharge binary.
type program struct {
	cmd     *exec.Cmd
	output  *output
	address string // host:port
	ended   chan struct{}
}

// startServer runs the binary in the environment env alone, so that no setting of the caller's
// shell reaches the server, and waits for the address on which the server listens.
func startServer(ctx context.Context, binary string, env []string, args ...string) (*program, error) {
	p := &program{output: &output{address: make(chan string, 1)}, ended: make(chan struct{})}
	// Without the end of ctx, which would kill the process: stop ends the process.
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), binary, args...)
	p.cmd.Env = append([]string{}, env...) // a nil Env would inherit our environment
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	if err := p.waitUntilListening(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("start %s: %w\n%s", p.cmd.Args, err, p.output)
	}
	return p, nil
}

func (p *program) waitUntilListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case p.address = <-p.output.address:
		return nil
	case <-p.ended:
		return errors.New("it ended")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop asks the process to end, waits, and kills the process when the wait has been too long.
func (p *program) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails when the process has ended already
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// output finds the address in a program's output, and keeps the last lines for an error message.
type output struct {
	address chan string

	mu   sync.Mutex
	text []byte
	told bool
}

var listens = regexp.MustCompile(`listens on http://(\S+)`)

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	const enough = 4 << 10
	o.text = append(o.text, p...)
	if found := listens.FindSubmatch(o.text); found != nil && !o.told && bytes.HasSuffix(o.text, []byte("\n")) {
		o.told = true
		o.address <- string(found[1])
	}
	o.text = o.text[max(0, len(o.text)-enough):]
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}
