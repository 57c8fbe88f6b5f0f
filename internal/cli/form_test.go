package cli

import (
	"flag"
	"io"
	"strings"
	"testing"
)

func TestFlagsMakeUpOneForm(t *testing.T) {
	t.Parallel()
	forms := []form{{}, {flag: "release", needs: []string{"reason"}, may: []string{"force"}}, {flag: "of"}}
	for args, want := range map[string]string{
		"":                             "",
		"-of r1":                       "",
		"-release r1 -reason x":        "",
		"-release r1 -reason x -force": "",
		"-release r1":                  "-release needs -reason",
		"-release r1 -reason x -of r2": "choose one of -release, -of",
		"-of r1 -reason x":             "-reason cannot be combined with -of",
		"-reason x":                    "-reason says nothing by itself",
		"-force -of r1":                "-force cannot be combined with -of",
	} {
		flags := flag.NewFlagSet("refunds", flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		for _, name := range []string{"release", "of", "reason"} {
			flags.String(name, "", "")
		}
		flags.Bool("force", false, "")
		if err := flags.Parse(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		if err := checkForm(flags, forms...); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}

func TestACommandWithoutAPlainFormNeedsOne(t *testing.T) {
	t.Parallel()
	err := checkForm(flag.NewFlagSet("points", flag.ContinueOnError), form{flag: "clawback"}, form{flag: "reverse"})
	if err == nil || err.Error() != "choose one of -clawback, -reverse" {
		t.Error(err)
	}
}

// TestAnEmptyValueChoosesNoOtherForm: "expire -undo $ID" with an empty ID must not expire points.
func TestAnEmptyValueChoosesNoOtherForm(t *testing.T) {
	t.Parallel()
	flags := flag.NewFlagSet("expire", flag.ContinueOnError)
	flags.String("undo", "", "")
	if err := flags.Parse([]string{"-undo", ""}); err != nil {
		t.Fatal(err)
	}
	if err := checkForm(flags, form{}, form{flag: "undo"}); err == nil || err.Error() != "-undo is empty" {
		t.Errorf("got %v", err)
	}
}
