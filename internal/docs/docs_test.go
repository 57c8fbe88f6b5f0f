// Package docs_test reads the documents as their readers do: it runs their commands against a
// started server, follows their links, and compares the English and the Korean edition.
package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

const root = "../.."

// document is one Markdown file. Its path is relative to the root of the repository.
type document struct {
	path     string
	text     string
	headings []heading
	fences   []fence
	prose    []string // the lines outside fences
}

type heading struct {
	level int
	title string
}

// fence is one fenced code block. Info is what follows the opening ```.
type fence struct {
	info   string
	body   string
	before string // the last line above it that is not empty
	line   int
}

// documents reads README.md, README.ko.md and docs/*.md.
func documents(t *testing.T) []document {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	paths = append(paths, filepath.Join(root, "README.md"), filepath.Join(root, "README.ko.md"))
	var all []document
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parse(filepath.ToSlash(name), string(text)))
	}
	return all
}

// parse splits a document into headings, fenced blocks and prose.
func parse(path, text string) document {
	d := document{path: path, text: text}
	var open *fence
	before := ""
	for number, line := range strings.Split(text, "\n") {
		info, isFence := strings.CutPrefix(line, "```")
		switch {
		case open != nil && isFence:
			d.fences = append(d.fences, *open)
			open, before = nil, ""
		case open != nil:
			open.body += line + "\n"
		case isFence:
			open = &fence{info: info, before: before, line: number + 1}
		default:
			d.addProse(line)
			if line != "" {
				before = line
			}
		}
	}
	return d
}

func (d *document) addProse(line string) {
	d.prose = append(d.prose, line)
	marks := len(line) - len(strings.TrimLeft(line, "#"))
	if marks > 0 && strings.HasPrefix(line[marks:], " ") {
		d.headings = append(d.headings, heading{marks, strings.TrimSpace(line[marks:])})
	}
}

// anchors returns the anchors that GitHub gives the headings.
func (d document) anchors() map[string]bool {
	out := map[string]bool{}
	for _, h := range d.headings {
		out[slug(h.title)] = true
	}
	return out
}

func slug(title string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			b.WriteRune(r)
		case r == ' ':
			b.WriteByte('-')
		}
	}
	return b.String()
}

// The README is read first, so it stays short.
func TestReadmeIsShort(t *testing.T) {
	t.Parallel()
	for _, d := range documents(t) {
		if !strings.HasPrefix(d.path, "README") {
			continue
		}
		if lines := strings.Count(d.text, "\n"); lines > 150 || len(d.text) > 8<<10 {
			t.Errorf("%s has %d lines and %d bytes, at most 150 and 8192", d.path, lines, len(d.text))
		}
		if !strings.HasPrefix(d.text, "# pointcharge\n") {
			t.Errorf("%s does not begin with its title", d.path)
		}
		firstScreen := strings.Join(strings.Split(d.text, "\n")[:25], "\n")
		for _, command := range []string{"go run .", "go test ./..."} {
			if !strings.Contains(firstScreen, command) {
				t.Errorf("the first 25 lines of %s lack %q", d.path, command)
			}
		}
	}
}

// englishOnly lists records of single measurements, which are kept in one language.
func englishOnly(path string) bool { return path == "docs/MUTATION.md" }

func TestLanguagesMatch(t *testing.T) {
	t.Parallel()
	byPath := map[string]document{}
	for _, d := range documents(t) {
		byPath[d.path] = d
	}
	for path, english := range byPath {
		if strings.HasSuffix(path, ".ko.md") {
			if _, found := byPath[strings.TrimSuffix(path, ".ko.md")+".md"]; !found {
				t.Errorf("%s has no English edition", path)
			}
			continue
		}
		korean, found := byPath[strings.TrimSuffix(path, ".md")+".ko.md"]
		if englishOnly(path) {
			continue
		}
		if !found {
			t.Errorf("%s has no Korean edition", path)
			continue
		}
		compare(t, english, korean)
	}
}

// compare fails unless both editions have headings of the same levels and the same code but for comments.
func compare(t *testing.T, english, korean document) {
	t.Helper()
	if len(english.headings) != len(korean.headings) {
		t.Errorf("%s has %d headings, %s %d", english.path, len(english.headings), korean.path, len(korean.headings))
	}
	for i := range min(len(english.headings), len(korean.headings)) {
		if e, k := english.headings[i], korean.headings[i]; e.level != k.level {
			t.Errorf("%s: %q and %q differ in level", korean.path, e.title, k.title)
		}
	}
	if len(english.fences) != len(korean.fences) {
		t.Errorf("%s has %d code blocks, %s %d", english.path, len(english.fences), korean.path, len(korean.fences))
	}
	for i := range min(len(english.fences), len(korean.fences)) {
		e, k := english.fences[i], korean.fences[i]
		if e.info != k.info || withoutComments(e.body) != withoutComments(k.body) {
			t.Errorf("%s:%d and %s:%d hold different code", english.path, e.line, korean.path, k.line)
		}
	}
}

// comment matches a comment of the shell or of JavaScript: # or // with a space behind it.
var comment = regexp.MustCompile(`(?m)[ \t]*(^|\s)(#|//) .*$`)

func withoutComments(code string) string { return comment.ReplaceAllString(code, "") }
