package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	testdb "pointcharge/internal/database/databasetest"
)

// needBrowser is the program of a browser that speaks Chromium's protocol.
func needBrowser(t *testing.T) string {
	t.Helper()
	needNode(t)
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	if os.Getenv("REQUIRE_BROWSER") != "" {
		t.Fatal("REQUIRE_BROWSER is set, and there is no chromium")
	}
	t.Skip("there is no chromium")
	return ""
}

// browserReport is the report of graph/audit/browser.mjs.
type browserReport struct {
	Problems   []string // console messages, exceptions, breaches of the policy, requests to others
	Playground struct {
		Viewer, Kind                       string
		Products, Amount, Balance, Watched int64
	}
	Storefront struct {
		Card, Waiting, Deposit string
		Lines                  int
	}
	Phone struct {
		Returned, Checking, Credited, Failed string
		Locked, Open                         bool
	}
}

// wantPhone checks what a phone showed while the gateway answered no look-up, and after a payment
// that failed.
func (saw browserReport) wantPhone(t *testing.T) {
	t.Helper()
	p := saw.Phone
	if p.Returned != "unavailable" || !strings.Contains(p.Checking, "확인 중") || !p.Locked || !strings.HasPrefix(p.Credited, "30,000P") {
		t.Errorf("while the gateway was away, a phone showed %+v", p)
	}
	if !strings.Contains(p.Failed, "한도를 초과") || !strings.Contains(p.Failed, "A limit") || !p.Open {
		t.Errorf("after a payment that failed, a phone showed %+v", p)
	}
}

func runBrowser(t *testing.T, address, folder string) (saw browserReport) {
	t.Helper()
	if printed := runNode(t, "browser.mjs", needBrowser(t), address, folder); json.Unmarshal([]byte(printed), &saw) != nil {
		t.Fatalf("the browser says:\n%s", printed)
	}
	return saw
}

// TestABrowserChargesInThePlaygroundAndTheStorefront runs every operation of the playground's first
// tab, and buys twice in the storefront: by card, and by a virtual account. The open page learns of
// the deposit through a stream.
func TestABrowserChargesInThePlaygroundAndTheStorefront(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)))
	saw := runBrowser(t, s.url, t.TempDir())
	for _, problem := range saw.Problems {
		t.Error(problem)
	}
	if p := saw.Playground; p.Viewer != "minji" || p.Products != 5 || p.Kind != "CHARGE" || p.Amount != 5_000 || p.Balance != 5_000 ||
		p.Watched != 5_000 {
		t.Errorf("the playground showed %+v", p)
	}
	shop := saw.Storefront
	if !strings.HasPrefix(shop.Card, "5,000P") || !strings.Contains(shop.Waiting, "10,000원") || !strings.HasPrefix(shop.Deposit, "10,000P") || shop.Lines != 3 {
		t.Errorf("the storefront showed %+v", shop)
	}
	saw.wantPhone(t)
	s.wantBalance(s.token, 5_000)
	s.wantBalance(s.tokenFor("junho"), 15_100)
	s.wantBalance(s.tokenFor("seoyeon"), 30_900)
}

// TestABrowserChargesBelowAPath runs the same behind a proxy that takes the path of PUBLIC_URL off.
// The report lists every request that leaves the host or fails.
func TestABrowserChargesBelowAPath(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := openShopBelowPath(t, true)
	saw := runBrowser(t, s.url, t.TempDir())
	for _, problem := range saw.Problems {
		t.Error(problem)
	}
	saw.wantPhone(t)
	s.wantBalance(s.token, 5_000)
	s.wantBalance(s.tokenFor("junho"), 15_100)
	s.wantBalance(s.tokenFor("seoyeon"), 30_900)
}

// TestTheBrowserReportsFaultsOfAPage proves that the test above can fail.
func TestTheBrowserReportsFaultsOfAPage(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Security-Policy", "img-src http:; script-src 'unsafe-inline'")
		_, _ = w.Write([]byte(`<img src="http://elsewhere.example/a.png"><script>console.error("complaint")</script>
			<script>eval("1")</script><script>onload = () => { document.title = "done" }; throw new Error("surprise")</script>`))
	}))
	t.Cleanup(page.Close)
	problems := strings.Join(runBrowser(t, page.URL, "watch").Problems, "\n")
	for _, want := range []string{"outside: http://elsewhere.example/a.png", "console: complaint", "console: policy: script-src eval", "exception: Error: surprise"} {
		if !strings.Contains(problems, want) {
			t.Errorf("no %q among the problems:\n%s", want, problems)
		}
	}
}
