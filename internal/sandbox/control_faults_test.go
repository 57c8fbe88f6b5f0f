package sandbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"pointcharge/internal/sandbox"
	"pointcharge/internal/sandbox/fault"
)

func TestInvalidPlansAreRefused(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for text, says := range map[string]string{
		"hung":                      "there is no such fault; there are latency, hang",
		"429=1.1":                   "not a number from 0 to 1",
		"429=-0.1":                  "not a number from 0 to 1",
		"429=0.00001":               "not a number from 0 to 1",
		"rate=x":                    "not a number from 0 to 1",
		"seed=-1":                   "seed=-1",
		"down=perhaps":              "down=perhaps",
		"429=1:x":                   `the count "x" is no number`,
		"429=1:-1":                  "the count -1 is not from",
		"429=1:9999999":             "the count 9999999 is not from",
		"429=1@GET /elsewhere":      `no route is "GET /elsewhere"; there are DELETE /vbanks/{imp_uid}, GET /payments`,
		"429=1@GET /faults":         "no route is",
		"webhook-late=1@GET *":      "it happens to a webhook, which has no route",
		strings.Repeat("429,", 101): "there are 101 faults",
	} {
		p, err := fault.Parse(text)
		if err == nil {
			err = g.SetFaults(p)
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
	equal(t, g.Faults().Rules, []fault.Rule{})
}

const planJSON = `{"seed":7,"faults":[{"name":"429","rate":0.5,"count":2,"route":"GET /payments/{imp_uid}"}]}`

func TestFaultsOverHTTP(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, path := range []string{"/faults", "/sandbox/faults"} {
		want := `{"seed":7,"down":false,"faults":[{"name":"429","rate":0.5,"count":2,"route":"GET /payments/{imp_uid}"}],"injected":{},"later":0}`
		equal(t, g.call(http.MethodPut, path, planJSON).text, want)
		equal(t, g.call(http.MethodGet, path, "").text, want)
		equal(t, g.call(http.MethodDelete, path, "").text, `{"seed":0,"down":false,"faults":[],"injected":{},"later":0}`)
	}
}

func TestFaultsOverHTTPRefuseNonsense(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.call(http.MethodPut, "/faults", planJSON)
	for _, body := range []string{
		``, `[]`, `{"fault":[]}`, `{"faults":[{"name":"429","rates":1}]}`, `{"faults":[{"name":"nothing"}]}`, `{"seed":-1}`,
		`{"faults":[{"name":"429","rate":1e300}]}`, `{} {}`, `{"faults":[{"name":"429","count":1.5}]}`,
	} {
		g.expectCode(g.call(http.MethodPut, "/faults", body), 400, -1)
	}
	g.expectCode(g.call(http.MethodPut, "/faults", planJSON, "Content-Type: text/plain"), 415, -1)
	g.expectCode(g.call(http.MethodPut, "/faults", `{"faults":[`+strings.Repeat(" ", 70_000)+`]}`), 413, -1)
	equal(t, g.Faults().Rules[0].Name, "429")
}

func TestFaultsAnswerWhileDown(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.call(http.MethodPut, "/faults", `{"down":true}`)
	equal(t, g.call(http.MethodGet, "/sandbox/faults", "").text, `{"seed":0,"down":true,"faults":[],"injected":{},"later":0}`)
	g.call(http.MethodDelete, "/faults", "")
	equal(t, g.call(http.MethodGet, "/iamport.js", "").status, 200)
}

// statusesUnder returns the HTTP statuses of ten look-ups for each of eight payments under the
// plan. The payments are looked up one after another or all at once.
func statusesUnder(t *testing.T, plan string, atOnce bool) map[string][]int {
	t.Helper()
	g := newGateway(t)
	token := g.token()
	g.setFaults(plan)
	met := map[string][]int{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := range 8 {
		look := func() {
			id := fmt.Sprint("imp_", i)
			for range 10 {
				status, _, _ := g.send(t.Context(), token, http.MethodGet, "/payments/"+id, "")
				mu.Lock()
				met[id] = append(met[id], status)
				mu.Unlock()
			}
		}
		if atOnce {
			group.Go(look)
		} else {
			look()
		}
	}
	group.Wait()
	return met
}

func TestASeedRepeatsFaultsUnderConcurrency(t *testing.T) {
	t.Parallel()
	const plan = "429=0.3,html=0.3,seed="
	one := statusesUnder(t, plan+"7", false)
	equal(t, statusesUnder(t, plan+"7", true), one)
	if fmt.Sprint(statusesUnder(t, plan+"8", false)) == fmt.Sprint(one) {
		t.Error("another seed, the same faults")
	}
}

func TestASeedRepeatsFaultsOfGeneratedPayments(t *testing.T) {
	t.Parallel()
	run := func() (amounts []string) {
		g := newGateway(t)
		g.setFaults("wrong-amount=0.5,seed=3")
		for i := range 20 {
			g.call(http.MethodPost, "/sandbox-payments", fmt.Sprintf(`{"merchant_uid":"order-%d","amount":5000}`, i))
		}
		for _, p := range g.All() {
			amounts = append(amounts, p.Amount.String())
		}
		return amounts
	}
	equal(t, run(), run())
}

func TestRatesAreKept(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(c *sandbox.Config) { c.WebhookURL = "http://127.0.0.1:1" })
	g.Put(sandbox.Payment{ImpUID: "imp_1"})
	g.setFaults("seed=1,webhook-never=0.2,webhook-late=0.5")
	const n = 1000
	for range n {
		g.Notify("imp_1")
	}
	g.Wait()
	injected := g.Faults().Injected
	never, late := injected[fault.WebhookNever], injected[fault.WebhookLate]
	if never < n*15/100 || never > n*25/100 || late < n*45/100 || late > n*55/100 {
		t.Errorf("of %d, %v", n, injected)
	}
}

func TestARateIsSharedByAllFaultsOfAnEvent(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(c *sandbox.Config) { c.WebhookURL = "http://127.0.0.1:1" })
	g.Put(sandbox.Payment{ImpUID: "imp_1", PayMethod: "vbank", Amount: "5000", Status: sandbox.Ready})
	g.setFaults("seed=2,rate=0.6")
	const n = 1000
	for range n {
		g.Notify("imp_1")
	}
	g.Wait()
	injected := g.Faults().Injected
	for _, name := range []string{fault.WebhookNever, fault.WebhookTwice, fault.WebhookLate, fault.WebhookForged, fault.WebhookForm} {
		if got := injected[name]; got < n*7/100 || got > n*13/100 {
			t.Errorf("%s happened %d times of %d, want about a tenth", name, got, n)
		}
	}
}
