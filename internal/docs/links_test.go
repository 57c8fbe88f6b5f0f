package docs_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	link         = regexp.MustCompile(`(?:\]\(|src="|href=")([^)\s"]+)[)"]`)
	setting      = regexp.MustCompile(`\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|\b[A-Z][A-Z0-9_]+=`)
	listed       = regexp.MustCompile(`(?m)^  ([A-Z][A-Z0-9_]+)$`)
	folders      = regexp.MustCompile(`\./((?:internal|bench|graph)(?:/[a-z]+)*)`)
	testName     = regexp.MustCompile("`(Test[A-Z]\\w+)`")
	testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	capital      = regexp.MustCompile(`\b[A-Z][A-Z0-9_]+\b`)
)

// generated lists documents that are written from the program's tables and may be missing in a
// fresh tree.
func generated(path string) bool {
	return path == "docs/configuration.md" || path == "docs/configuration.ko.md"
}

func TestLinksResolve(t *testing.T) {
	t.Parallel()
	all := documents(t)
	for _, d := range all {
		for _, match := range link.FindAllStringSubmatch(strings.Join(d.prose, "\n"), -1) {
			if target := match[1]; !strings.Contains(target, "://") && !strings.HasPrefix(target, "mailto:") {
				checkLink(t, all, d, target)
			}
		}
		for _, match := range folders.FindAllStringSubmatch(d.text, -1) {
			if _, err := os.Stat(filepath.Join(root, match[1])); err != nil {
				t.Errorf("%s names the folder %s, which is missing", d.path, match[1])
			}
		}
	}
}

func checkLink(t *testing.T, all []document, from document, target string) {
	t.Helper()
	name, anchor, _ := strings.Cut(target, "#")
	file := from.path
	if name != "" {
		file = path.Join(path.Dir(from.path), name)
	}
	if _, err := os.Stat(filepath.Join(root, file)); err != nil {
		if !generated(file) {
			t.Errorf("%s links to %s, which is missing", from.path, target)
		}
		return
	}
	if anchor == "" {
		return
	}
	at := slices.IndexFunc(all, func(d document) bool { return d.path == file })
	if at < 0 {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		all, at = append(all, parse(file, string(text))), len(all)
	}
	if !all[at].anchors()[anchor] {
		t.Errorf("%s links to %s, but there is no such heading", from.path, target)
	}
}

// TestSettingsExist fails when a document names a setting that the program does not know. Every
// word in capitals with an underscore counts as a setting, and every word in capitals before an
// equals sign.
func TestSettingsExist(t *testing.T) {
	t.Parallel()
	help, err := exec.CommandContext(t.Context(), program(t), "serve", "-h").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, match := range listed.FindAllStringSubmatch(string(help), -1) {
		known[match[1]] = true
	}
	if !known["DATABASE_URL"] {
		t.Fatalf("serve -h lists no settings: %s", help)
	}
	for _, word := range slices.Concat(schemaWords(t), failReasons(t), refusalReasons(t), otherWords()) {
		known[word] = true
	}
	for _, d := range documents(t) {
		for _, word := range setting.FindAllString(d.text, -1) {
			if word = strings.TrimSuffix(word, "="); !known[word] {
				t.Errorf("%s names the setting %s, which serve -h does not list", d.path, word)
			}
		}
	}
}

// failReasons are the reasons that a payment return tells the front end.
func failReasons(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "internal/web/failure.go"))
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, match := range regexp.MustCompile(`failReason += "([A-Z_]+)"`).FindAllStringSubmatch(string(text), -1) {
		words = append(words, match[1])
	}
	if len(words) == 0 {
		t.Fatal("internal/web/failure.go has no reasons")
	}
	return words
}

// reasonOfRefusal matches where a reason of extensions.reason is declared or used.
var reasonOfRefusal = regexp.MustCompile(`(?:\bReason\w*(?: Reason)? *=|Reason:|\b(?:PayMethodUnavailable|TooManyOpenOrders|PriceBelowMinimum) *=) "([A-Z_]+)"`)

// refusalReasons are the closed words of extensions.reason.
func refusalReasons(t *testing.T) (words []string) {
	t.Helper()
	for _, pattern := range []string{"internal/charge/*.go", "internal/auth/*.go"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range reasonOfRefusal.FindAllStringSubmatch(string(text), -1) {
				if !strings.HasSuffix(path, "_test.go") {
					words = append(words, match[1])
				}
			}
		}
	}
	return words
}

func TestEveryReasonIsExplained(t *testing.T) {
	t.Parallel()
	words := refusalReasons(t)
	if len(words) < 20 {
		t.Fatalf("only %d reasons were found: %q", len(words), words)
	}
	for _, path := range []string{"docs/errors.md", "docs/errors.ko.md"} {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range words {
			if !strings.Contains(string(text), "`"+word+"`") {
				t.Errorf("%s does not explain the reason %s", path, word)
			}
		}
	}
}

// schemaWords are the words in capitals of the schema: error codes, kinds, statuses.
func schemaWords(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "schema.graphqls"))
	if err != nil {
		t.Fatal(err)
	}
	return capital.FindAllString(string(text), -1)
}

// otherWords are words in capitals that are no settings of the server.
func otherWords() []string {
	return strings.Fields(`
		API CHARGE IMP_UID LINE LINE_ID MERCHANT_UID ORDER PRODUCT_ID QUOTE REFUND SPEND TOKEN
		LONG PGOPTIONS REQUIRE_BROWSER REQUIRE_NODE REQUIRE_POSTGRES TEST_DATABASE_URL
		ACCEPTED_CANCELLED ANOTHER_USER CANCELLED_AMOUNT KEY_ISSUING MISSING_AT_GATEWAY MISSING_HERE ORDER_ALREADY_PAID ORDER_CLOSED
		UNKNOWN_ORDER`)
}

// TestNamedTestsExist fails when a document names a test that was renamed.
func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	names := map[string]string{}
	for _, d := range documents(t) {
		for _, match := range testName.FindAllStringSubmatch(d.text, -1) {
			names[match[1]] = d.path
		}
	}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range testFunction.FindAllStringSubmatch(string(text), -1) {
			delete(names, match[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range names {
		t.Errorf("%s names %s, which is no test", path, name)
	}
}
