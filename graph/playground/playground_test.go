package playground

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

func TestPageIsServed(t *testing.T) {
	t.Parallel()
	page := get(t, Options{Token: "t"}, "/playground")
	if page.Code != http.StatusOK || page.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("GET /playground: %d %s", page.Code, page.Header().Get("Content-Type"))
	}
	if page.Header().Get("X-Content-Type-Options") != "nosniff" || page.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", page.Header())
	}
}

func TestTrailingSlashFindsThePage(t *testing.T) {
	t.Parallel()
	got := get(t, Options{}, "/playground/")
	if got.Code != http.StatusMovedPermanently || got.Header().Get("Location") != "/playground" {
		t.Errorf("GET /playground/: %d %s", got.Code, got.Header().Get("Location"))
	}
}

// A page below a path prefix names it in all of its addresses.
func TestPrefixStandsBeforeEveryAddress(t *testing.T) {
	t.Parallel()
	o := Options{Prefix: "/pay/api"}
	page := get(t, o, "/playground").Body.String()
	links := regexp.MustCompile(`(?:src|href)="(/[^"]*)"|"(/[^"]*graphql)"`).FindAllString(page, -1)
	for _, link := range links {
		if !strings.Contains(link, `"/pay/api/`) {
			t.Errorf("the page has %s", link)
		}
	}
	if len(links) < 7 || !strings.Contains(page, "/pay/api/graphql") {
		t.Errorf("the page has only %q", links)
	}
	if to := get(t, o, "/playground/").Header().Get("Location"); to != "/pay/api/playground" {
		t.Errorf("/playground/ redirects to %s", to)
	}
}

// Every file of the page comes from this server, has the right type, may be kept forever, and has
// the digest that is pinned.
func TestAssetsAreServedAndMatchTheirDigests(t *testing.T) {
	t.Parallel()
	page := get(t, Options{}, "/playground").Body.String()
	links := regexp.MustCompile(`(?:src|href)="([^"]*)"\s+integrity="sha256-([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(links) != 6 {
		t.Fatalf("the page loads %d files, want 6", len(links))
	}
	for _, link := range links {
		file := get(t, Options{}, link[1])
		digest := sha256.Sum256(file.Body.Bytes())
		sri := strings.ReplaceAll(link[2], "&#43;", "+")
		if got := base64.StdEncoding.EncodeToString(digest[:]); file.Code != http.StatusOK || got != sri {
			t.Errorf("%s: %d, sha256-%s, want sha256-%s", link[1], file.Code, got, sri)
		}
		if got := file.Header().Get("Content-Type"); got != contentType(link[1]) {
			t.Errorf("%s: Content-Type %s", link[1], got)
		}
		if got := file.Header().Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s: Cache-Control %s", link[1], got)
		}
	}
}

func contentType(path string) string {
	if strings.HasSuffix(path, ".css") {
		return "text/css; charset=utf-8"
	}
	return "text/javascript; charset=utf-8"
}

func TestUnknownAssetsAndFoldersAreNotFound(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/playground/assets/", "/playground/assets/react-18.2.0/", "/playground/assets/x.js", "/playground/x"} {
		got := get(t, Options{}, path)
		if got.Code != http.StatusNotFound || got.Header().Get("Cache-Control") != "" {
			t.Errorf("GET %s: %d %v", path, got.Code, got.Header())
		}
	}
}

func TestPageNamesNoOtherHost(t *testing.T) {
	t.Parallel()
	page := get(t, Options{Token: "t"}, "/playground").Body.String()
	if other := regexp.MustCompile(`https?:?//[^'"\s]*|src="//|href="//`).FindString(page); other != "" {
		t.Errorf("the page names %s", other)
	}
}

func TestPolicyAllowsExactlyTheInlineScript(t *testing.T) {
	t.Parallel()
	page := get(t, Options{Token: "t"}, "/playground")
	_, rest, _ := strings.Cut(page.Body.String(), "<script>")
	script, _, _ := strings.Cut(rest, "</script>")
	digest := sha256.Sum256([]byte(script))
	want := "script-src 'self' 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "';"
	policy := page.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.Contains(policy, want) {
		t.Errorf("policy %s\nwants %s", policy, want)
	}
}

func TestTokenIsOnThePageOnlyWhenGiven(t *testing.T) {
	t.Parallel()
	with := get(t, Options{Token: "abc.def"}, "/playground").Body.String()
	if !strings.Contains(with, `{"Authorization":"Bearer abc.def"}`) {
		t.Error("the token is missing")
	}
	without := get(t, Options{}, "/playground")
	if strings.Contains(without.Body.String(), "Bearer") || without.Header().Get("Cache-Control") != "no-cache" {
		t.Error("there is a token, or a page that must not be kept")
	}
}

// Without a development token, a typed token is real and must not outlive the browser's tab.
func TestTypedTokensAreNotKept(t *testing.T) {
	t.Parallel()
	live := get(t, Options{}, "/playground").Body.String()
	if strings.Contains(live, "localStorage") || !strings.Contains(live, "shouldPersistHeaders: false") {
		t.Error("the page keeps what is typed")
	}
}

func TestTokenAndProductCannotBreakOut(t *testing.T) {
	t.Parallel()
	const evil = `</script><script>alert(1)</script>'"`
	page := get(t, Options{Token: evil, ProductID: evil}, "/playground").Body.String()
	if strings.Contains(page, "alert(1)</script>") || strings.Count(page, "<script>") != 1 {
		t.Error("the page contains a script that was given as data")
	}
}

// The first tab must fit the schema.
func TestFirstTabIsValid(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gqlparser.LoadQueryWithRules(schema, charge, rules.NewDefaultRules()); err != nil {
		t.Errorf("charge.graphql: %v", err)
	}
}

func TestAnotherPageIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := completePage([]byte("<html></html>"), Options{}); err == nil {
		t.Error("a page without the known place was completed")
	}
}

func get(t *testing.T, o Options, path string) *httptest.ResponseRecorder {
	t.Helper()
	o.Path, o.Endpoint = "/playground", "/graphql"
	h, err := Handler(o)
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return answer
}
