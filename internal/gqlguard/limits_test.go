package gqlguard_test

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"pointcharge/internal/gqlguard"
)

var update = flag.Bool("update", false, "write the table of limits to the document")

const (
	document   = "../../docs/GRAPHQL.md"
	tableBegin = "<!-- limits: written by go generate ./internal/gqlguard -->\n"
	tableEnd   = "<!-- end of limits -->"
)

// limitsTable is the document's table, from the tags of Limits.
func limitsTable() string {
	var b strings.Builder
	b.WriteString("| limit | default | setting | what it bounds |\n|---|---|---|---|\n")
	for field := range reflect.TypeFor[gqlguard.Limits]().Fields() {
		setting := "–"
		if name, ok := field.Tag.Lookup("setting"); ok {
			setting = "`" + name + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", inWords(field.Name), field.Tag.Get("default"), setting, field.Tag.Get("bounds"))
	}
	return b.String()
}

// inWords is "mutation fields" for MutationFields.
func inWords(name string) string {
	var b strings.Builder
	for i, letter := range name {
		if unicode.IsUpper(letter) && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(letter))
	}
	return b.String()
}

func TestTheDocumentListsTheLimits(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, hasBegin := strings.Cut(string(text), tableBegin)
	table, after, hasEnd := strings.Cut(rest, tableEnd)
	if !hasBegin || !hasEnd {
		t.Fatalf("%s has no place for the table of limits", document)
	}
	if *update {
		if err := os.WriteFile(document, []byte(before+tableBegin+limitsTable()+tableEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != limitsTable() {
		t.Errorf("%s lists other limits; run go generate ./internal/gqlguard:\n%s", document, limitsTable())
	}
}

func TestEveryLimitIsDescribedAndHasADefault(t *testing.T) {
	t.Parallel()
	defaults := reflect.ValueOf(gqlguard.Limits{}.WithDefaults())
	for field := range defaults.Type().Fields() {
		if field.Tag.Get("bounds") == "" || defaults.FieldByIndex(field.Index).Int() <= 0 {
			t.Errorf("%s: %s", field.Name, field.Tag)
		}
	}
}

func TestOnlyLimitsThatAreNotSetAreDefaults(t *testing.T) {
	t.Parallel()
	got := gqlguard.Limits{Depth: 1, Time: time.Second}.WithDefaults()
	want := gqlguard.Limits{}.WithDefaults()
	want.Depth, want.Time = 1, time.Second
	if got != want || want.Cost != 10_000 {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestRefusalsNameTheSetting(t *testing.T) {
	t.Parallel()
	limits := gqlguard.Limits{}.WithDefaults()
	named := map[string]bool{}
	for field := range reflect.TypeFor[gqlguard.Limits]().Fields() {
		named[field.Tag.Get("setting")] = true
	}
	for setting, err := range map[string]error{"GRAPHQL_MAX_BODY": limits.BodyError(), "GRAPHQL_TIMEOUT": limits.TimeoutError()} {
		if !named[setting] || !strings.Contains(err.Error(), "("+setting+")") {
			t.Errorf("%v does not name %s", err, setting)
		}
	}
}
