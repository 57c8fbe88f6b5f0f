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

// buildServer compiles the server into dir and returns its path.
func buildServer(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "pointcharge")
	if output, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "pointcharge").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, output)
	}
	return binary, nil
}

// program is a process of the pointcharge binary that listens.
type program struct {
	cmd     *exec.Cmd
	output  *output
	address string // host:port
	ended   chan struct{}
}

// startServer runs binary with nothing but env for its environment, so that no setting of whoever
// runs the benchmark reaches it, and waits until it says where it listens.
func startServer(ctx context.Context, binary string, env []string, args ...string) (*program, error) {
	p := &program{output: &output{address: make(chan string, 1)}, ended: make(chan struct{})}
	// Not with ctx, whose end would kill it: it ends by stop.
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), binary, args...)
	p.cmd.Env = append([]string{}, env...) // nil would be ours
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	if err := p.listening(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("start %s: %w\n%s", p.cmd.Args, err, p.output)
	}
	return p, nil
}

func (p *program) listening(ctx context.Context) error {
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

// stop asks the process to end and waits until it has, or kills it.
func (p *program) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails when it has ended
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// output finds the address in what a program says, and remembers its last words for an error
// message.
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
