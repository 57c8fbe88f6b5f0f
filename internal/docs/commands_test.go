package docs_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// goCommand stands for the go command in the documents' scripts: "go run ." is the program, built
// once.
const goCommand = `#!/bin/sh
[ "$1 $2" = "run ." ] || { echo "only 'go run .' is known here, not: go $*" >&2; exit 1; }
shift 2
exec pointcharge "$@"
`

var update = flag.Bool("update", false, "write the commands' output into the documents")

var folder string // of the built program; made by TestMain, removed by it

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "docs"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// build compiles the program once and returns its path.
var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(folder, "pointcharge")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", path, ".")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, os.WriteFile(filepath.Join(folder, "go"), []byte(goCommand), 0o755)
})

func program(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCommandsWork runs the sh blocks of every document, in their order, in one shell beside a
// fresh server. A text block shows the output of the last sh block above it; it must be what the
// commands print, but for ids.
func TestCommandsWork(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the documents' commands need %s", tool)
		}
	}
	program(t)
	for _, d := range documents(t) {
		t.Run(d.path, func(t *testing.T) {
			t.Parallel()
			steps := stepsOf(t, d)
			if len(steps) > 0 {
				runSteps(t, d, steps)
			}
		})
	}
}

// step is one sh block with the output that the document promises, if it does.
type step struct {
	fence
	output string
}

func stepsOf(t *testing.T, d document) []step {
	t.Helper()
	var steps []step
	last := "" // the info of the block above
	for _, f := range d.fences {
		switch f.info {
		case "sh":
			steps = append(steps, step{fence: f})
		case "sh no-test":
			if !strings.HasPrefix(f.before, "<!-- no-test: ") {
				t.Errorf("%s:%d: no comment <!-- no-test: reason --> above", d.path, f.line)
			}
		case "text":
			if last != "sh" {
				t.Errorf("%s:%d: a text block shows the output of the sh block above it", d.path, f.line)
				break
			}
			steps[len(steps)-1].output = f.body
		}
		last = f.info
	}
	return steps
}

const marker = "--- end of block "

func runSteps(t *testing.T, d document, steps []step) {
	t.Helper()
	server := start(t)
	var script strings.Builder
	for i, s := range steps {
		fmt.Fprintf(&script, "%s\necho '%s%d'\n", server.address(s.body), marker, i)
	}
	out, err := server.run(t, "sh", "-eu", "-c", script.String())
	outputs := strings.Split(out, marker)
	for i, s := range steps {
		if i+1 >= len(outputs) {
			t.Fatalf("%s:%d: the commands failed: %v\n%s\nserver:\n%s", d.path, s.line, err, out, server.log)
		}
		_, got, found := strings.Cut(outputs[i], "\n")
		if i == 0 || !found {
			got = outputs[i]
		}
		if s.output != "" && mask(got) != mask(s.output) {
			s.differs(t, d, got)
		}
	}
}

// differs fails the test, or writes what the commands printed into the document.
func (s step) differs(t *testing.T, d document, got string) {
	t.Helper()
	if !*update {
		t.Errorf("%s:%d: the commands printed\n%s\nthe document promises\n%s", d.path, s.line, got, s.output)
		return
	}
	path := filepath.Join(root, d.path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	promised, printed := "```text\n"+s.output+"```", "```text\n"+strings.TrimRight(got, "\n")+"\n```"
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), promised, printed, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

var (
	random = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|imp_[0-9]{12}|\b[A-Z2-7]{26}\b|eyJ[\w.-]{20,}`)
	clock  = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\dZ]*`)
)

// mask replaces what differs from run to run: ids, tokens and times.
func mask(output string) string {
	return strings.TrimSpace(clock.ReplaceAllString(random.ReplaceAllString(output, "ID"), "TIME"))
}

// server is a sandbox with a database and a folder of its own.
type server struct {
	addr, dir string
	log       *bytes.Buffer
}

func start(t *testing.T) server {
	t.Helper()
	s := server{dir: t.TempDir(), log: &bytes.Buffer{}}
	cmd := exec.Command(filepath.Join(folder, "pointcharge"), "serve")
	cmd.Dir, cmd.Stderr = s.dir, s.log
	cmd.Env = environment("ADDR=127.0.0.1:0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	first, err := lines.ReadString('\n')
	for err == nil && !strings.Contains(first, "http://") { // the log of a slow start
		first, err = lines.ReadString('\n')
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, lines)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-drained
		_ = cmd.Wait()
	})
	_, rest, _ := strings.Cut(first, "http://")
	s.addr, _, _ = strings.Cut(rest, " ")
	if s.addr == "" {
		t.Fatalf("the server did not start: %q %v", first, err)
	}
	return s
}

// address replaces the address that the documents name with the server's.
func (s server) address(code string) string {
	return strings.ReplaceAll(code, "127.0.0.1:8080", s.addr)
}

// run runs a command beside the server, with the program and the stand-in for go in its path, and
// returns what it prints.
func (s server) run(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.WaitDelay = s.dir, time.Second
	cmd.Env = environment("ADDR="+s.addr, "PATH="+folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errors
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w: %s", err, errors.String())
	}
	return out.String(), nil
}

// environment leaves out the tester's own settings, such as DATABASE_URL.
func environment(more ...string) []string {
	return append([]string{"HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir(), "PATH=" + os.Getenv("PATH")}, more...)
}
