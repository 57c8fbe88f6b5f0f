package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// script is pgbench's script.
//
//go:embed charge.sql
var script string

// watched is the application_name of the server whose statements PostgreSQL logs. linePrefix puts
// the application_name before every line of the log.
const (
	watched    = "watched"
	linePrefix = "%a "
)

// withStatementLog makes PostgreSQL log every statement of the connections to url, without the
// bound values.
func withStatementLog(url string) string {
	return url + "&application_name=" + watched + "&log_statement=all&log_parameter_max_length=0"
}

// statementLog is the log of a PostgreSQL server in dir, from the call of openLog on.
type statementLog struct {
	path string
	seen int
}

func openLog(dir string) (*statementLog, error) {
	log := &statementLog{path: filepath.Join(dir, "log")}
	text, err := os.ReadFile(log.path)
	log.seen = len(text)
	return log, err
}

// readStatements returns the statements of the watched server since openLog.
func (l *statementLog) readStatements() ([]string, error) {
	text, err := os.ReadFile(l.path)
	if err != nil {
		return nil, err
	}
	var found []string
	ours := false
	for line := range bytes.Lines(text[l.seen:]) {
		continuation := bytes.HasPrefix(line, []byte("\t"))
		entry := logged.FindSubmatch(line)
		switch {
		case entry != nil:
			found = append(found, string(entry[1]))
		case continuation && ours:
			found[len(found)-1] += string(line)
		}
		ours = entry != nil || continuation && ours
	}
	return found, nil
}

// logged is a statement's line, of the simple protocol ("statement: ") or the extended one
// ("execute name: ").
var logged = regexp.MustCompile(`(?s)^` + watched + ` LOG:  (?:statement|execute [^:]*): (.*)`)

// scriptStatements are the statements of a pgbench script.
func scriptStatements(script string) []string {
	script = comment.ReplaceAllString(script, "")
	found := statementEnd.Split(script, -1)
	return slices.DeleteFunc(found, func(s string) bool { return strings.TrimSpace(s) == "" })
}

var (
	comment      = regexp.MustCompile(`(?m)^(--|\\set ).*$`)
	statementEnd = regexp.MustCompile(`;|\\gset \w+`)
)

// normalizeStatement returns a statement without spacing and with every parameter as "?", in
// whatever spelling.
func normalizeStatement(statement string) string {
	statement = strings.Join(strings.Fields(statement), " ")
	statement = aroundPunctuation.ReplaceAllString(statement, "$1")
	statement = unparameterized.ReplaceAllString(statement, "$1?")
	return parameter.ReplaceAllString(statement, "$1?")
}

var (
	aroundPunctuation = regexp.MustCompile(` ?([(),]) ?`)
	unparameterized   = regexp.MustCompile(`([(,])(?:NULL\b|'')`)
	parameter         = regexp.MustCompile(`([^:\w])(?:\$\d+|:\w+)`)
)

// checkDrift names the first difference between the script and the server's statements.
func checkDrift(sent, scripted []string) error {
	var errs []error
	if len(sent) != len(scripted) {
		errs = append(errs, fmt.Errorf("a charge is %d statements, bench/charge.sql has %d", len(sent), len(scripted)))
	}
	for i := range max(len(sent), len(scripted)) {
		if server, script := normalizedAt(sent, i), normalizedAt(scripted, i); server != script {
			errs = append(errs, fmt.Errorf("statement %d\n  of the server: %s\n  of the script: %s", i+1, server, script))
		}
	}
	if errs == nil {
		return nil
	}
	return fmt.Errorf("bench/charge.sql must be what the server sends:\n%w", errors.Join(errs...))
}

func normalizedAt(statements []string, i int) string {
	if i >= len(statements) {
		return "(none)"
	}
	return normalizeStatement(statements[i])
}
