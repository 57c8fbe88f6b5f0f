package storefront

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

const sdk = "http://sdk.example:8081"

func TestPageContainsItsSettings(t *testing.T) {
	t.Parallel()
	users := []DemoUser{{Name: "김포인트", Token: "abc.def"}}
	page := request(t, Handler(users, "", sdk), http.MethodGet, "/")
	if page.Code != http.StatusOK || page.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("GET /: %d %s", page.Code, page.Header().Get("Content-Type"))
	}
	if diff := cmp.Diff(settings{Users: users, GraphQL: "/graphql"}, readSettings(t, page.Body.String())); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// TestPrefixStandsBeforeEveryAddress: below a path prefix, an address from the root is another
// site's.
func TestPrefixStandsBeforeEveryAddress(t *testing.T) {
	t.Parallel()
	shop := Handler(nil, "/pay/api", sdk)
	page := request(t, shop, http.MethodGet, "/").Body.String()
	for _, link := range regexp.MustCompile(`(?:src|href)="[^"]*"`).FindAllString(page, -1) {
		if !strings.Contains(link, `="/pay/api/storefront/`) {
			t.Errorf("the page has %s", link)
		}
	}
	if got := readSettings(t, page).GraphQL; got != "/pay/api/graphql" {
		t.Errorf("the API is at %s", got)
	}
	for _, path := range []string{"/storefront", "/storefront/"} {
		if to := request(t, shop, http.MethodGet, path).Header().Get("Location"); to != "/pay/api/" {
			t.Errorf("%s redirects to %q", path, to)
		}
	}
}

func TestSettingsAreEscaped(t *testing.T) {
	t.Parallel()
	users := []DemoUser{{Name: `</script><img src=x onerror=alert(1)>`, Token: `"'<!--<script>&`}}
	page := request(t, Handler(users, "", sdk), http.MethodGet, "/").Body.String()
	if strings.Contains(page, "onerror=alert(1)>") || strings.Contains(page, "<!--") || strings.Count(page, "</script>") != 2 {
		t.Error("the page contains markup from its settings")
	}
	if diff := cmp.Diff(users, readSettings(t, page).Users); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
}

func TestPageSetsSecurityHeaders(t *testing.T) {
	t.Parallel()
	page := request(t, Handler(nil, "", sdk), http.MethodGet, "/")
	want := map[string]string{"Content-Security-Policy": securityPolicy(sdk), "Cache-Control": "no-store"}
	for name, value := range want {
		if got := page.Header().Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	if own := strings.ReplaceAll(securityPolicy(sdk), sdk, ""); strings.Contains(own, "unsafe") || strings.Contains(own, "http") {
		t.Errorf("the policy is not strict: %s", own)
	}
}

// TestPageFitsItsPolicy: the policy would break a page with inline scripts, styles or handlers, and
// a page that loads from another host.
func TestPageFitsItsPolicy(t *testing.T) {
	t.Parallel()
	page := request(t, Handler(nil, "", sdk), http.MethodGet, "/").Body.String()
	forbidden := regexp.MustCompile(`<style|\sstyle=|\son[a-z]+=|<script>|<script type="module">|https?://|src="//`)
	if found := forbidden.FindString(page); found != "" {
		t.Errorf("the page has %q", found)
	}
}

func TestThePagesFilesAreServed(t *testing.T) {
	t.Parallel()
	shop := Handler(nil, "", sdk)
	for path, kind := range map[string]string{
		"/storefront/storefront.js":  "text/javascript; charset=utf-8",
		"/storefront/charge.js":      "text/javascript; charset=utf-8",
		"/storefront/view.js":        "text/javascript; charset=utf-8",
		"/storefront/storefront.css": "text/css; charset=utf-8",
		"/storefront/icon.svg":       "image/svg+xml",
	} {
		got := request(t, shop, http.MethodGet, path)
		if got.Code != http.StatusOK || got.Header().Get("Content-Type") != kind || got.Body.Len() == 0 {
			t.Errorf("GET %s: %d %s, %d bytes", path, got.Code, got.Header().Get("Content-Type"), got.Body.Len())
		}
	}
}

func TestOtherPathsAreNotFound(t *testing.T) {
	t.Parallel()
	shop := Handler(nil, "", sdk)
	for _, path := range []string{"/x", "/index.html", "/storefront/x", "/storefront/storefront.go", "/storefront/index.html"} {
		if got := request(t, shop, http.MethodGet, path); got.Code != http.StatusNotFound {
			t.Errorf("GET %s: %d", path, got.Code)
		}
	}
}

func TestOnlyGETAndHEADAreAllowed(t *testing.T) {
	t.Parallel()
	shop := Handler(nil, "", sdk)
	for _, path := range []string{"/", "/storefront/charge.js"} {
		if got := request(t, shop, http.MethodHead, path); got.Code != http.StatusOK {
			t.Errorf("HEAD %s: %d", path, got.Code)
		}
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
			if got := request(t, shop, method, path); got.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, path, got.Code)
			}
		}
	}
}

func TestScriptsNeverWriteHTML(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"charge.js", "view.js", "storefront.js"} {
		text, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if found := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b`).Find(text); found != nil {
			t.Errorf("%s uses %s", name, found)
		}
	}
}

// TestQueriesAreValid checks the scripts' queries against the real schema.
func TestQueriesAreValid(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	queries := append(graphqlOperations(t, "charge.js"), graphqlOperations(t, "storefront.js")...)
	if len(queries) != 8 {
		t.Errorf("found %d queries, want 8", len(queries))
	}
	for _, query := range queries {
		if _, err := gqlparser.LoadQueryWithRules(schema, query, rules.NewDefaultRules()); err != nil {
			t.Errorf("%v in\n%s", err, query)
		}
	}
}

// TestEveryKindOfLineHasAWord: a kind without a word would be shown by its name, such as
// CHARGE_CANCEL.
func TestEveryKindOfLineHasAWord(t *testing.T) {
	t.Parallel()
	words, err := files.ReadFile("view.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range loadSchema(t).Types["PointTransactionKind"].EnumValues {
		if !strings.Contains(string(words), "\n  "+kind.Name+": ['") {
			t.Errorf("view.js has no word for %s", kind.Name)
		}
	}
}

// TestEveryWayToPayAndReasonHasAWord: a way to pay without one would not be offered, and a payer
// would not learn why a payment failed.
func TestEveryWayToPayAndReasonHasAWord(t *testing.T) {
	t.Parallel()
	words, err := files.ReadFile("view.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range loadSchema(t).Types["PayMethod"].EnumValues {
		if !strings.Contains(string(words), "\n  "+method.Name+": '") {
			t.Errorf("view.js has no word for %s", method.Name)
		}
	}
	reasons, err := os.ReadFile("../web/failure.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`failReason += "([A-Z_]+)"`).FindAllStringSubmatch(string(reasons), -1)
	if len(found) < 8 {
		t.Errorf("found only %d reasons", len(found))
	}
	for _, reason := range found {
		if !strings.Contains(string(words), "\n  "+reason[1]+": ['") {
			t.Errorf("view.js has no words for %s", reason[1])
		}
	}
}

func loadSchema(t *testing.T) *ast.Schema {
	t.Helper()
	text, err := os.ReadFile("../../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// graphqlOperations returns the GraphQL operations among a script's constants. Constants that they
// quote are filled in.
func graphqlOperations(t *testing.T, name string) []string {
	t.Helper()
	text, err := files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)\nconst ([A-Z_]+) = ['`](.*?)['`];\n").FindAllStringSubmatch(strings.ReplaceAll(string(text), "\n", "\n\n"), -1)
	var quoted, operations []string
	for _, constant := range found {
		value := strings.NewReplacer(quoted...).Replace(constant[2])
		quoted = append(quoted, "${"+constant[1]+"}", value)
		if regexp.MustCompile(`^(query|mutation|subscription|\{)`).MatchString(value) {
			operations = append(operations, value)
		}
	}
	return operations
}

func request(t *testing.T, h http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return answer
}

func readSettings(t *testing.T, page string) settings {
	t.Helper()
	_, rest, _ := strings.Cut(page, `id="settings">`)
	text, _, _ := strings.Cut(rest, "</script>")
	var s settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("settings %s: %v", text, err)
	}
	return s
}

// TestThePageHasWordsForEachKindOfLineAndWayToPay: a value that the page does not know is shown as
// it stands in the schema, or is left out.
func TestThePageHasWordsForEachKindOfLineAndWayToPay(t *testing.T) {
	t.Parallel()
	view, err := os.ReadFile("view.js")
	if err != nil {
		t.Fatal(err)
	}
	schema := loadSchema(t)
	for _, enum := range []string{"PointTransactionKind", "PayMethod"} {
		for _, value := range schema.Types[enum].EnumValues {
			if !strings.Contains(string(view), "\n  "+value.Name+": ") {
				t.Errorf("view.js has no words for %s.%s", enum, value.Name)
			}
		}
	}
}
