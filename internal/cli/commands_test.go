package cli

import (
	"bytes"
	"strings"
	"testing"
)

// runProgram runs the program without any settings, and returns its standard output.
func runProgram(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out bytes.Buffer
	program := Program{Getenv: func(string) string { return "" }, Stdout: &out, Stderr: t.Output()}
	err = program.Run(t.Context(), args)
	return out.String(), err
}

func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	for _, c := range allCommands() {
		for _, flag := range []string{"-h", "--help"} {
			text, err := runProgram(t, c.name, flag)
			if err != nil || !strings.HasPrefix(text, "Usage: pointcharge "+c.name) || !strings.Contains(text, firstLine(c.help)) {
				t.Errorf("%s %s: %v\n%s", c.name, flag, err, text)
			}
		}
	}
}

func TestUsageNamesEveryCommand(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{"-h", "-help", "--help", "help"} {
		text, err := runProgram(t, arg)
		for _, c := range allCommands() {
			if err != nil || !strings.Contains(text, "\n  "+c.name+" ") {
				t.Errorf("%s does not name %s: %v\n%s", arg, c.name, err, text)
			}
		}
	}
}

func TestVersionIsTheLinkers(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := (Program{Version: "1.2.3", Stdout: &out}).Run(t.Context(), []string{"version"}); err != nil || out.String() != "pointcharge 1.2.3\n" {
		t.Errorf("%q, %v", &out, err)
	}
}

func TestPluralsFollowTheirNumber(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 runs", 1: "1 run", 2: "2 runs"} {
		if got := formatCount(n, "run", "runs"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
