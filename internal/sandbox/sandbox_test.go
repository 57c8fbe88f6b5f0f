package sandbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pointcharge/internal/sandbox"
)

// gateway is a sandbox behind HTTP, with a stopped clock and a listening merchant.
type gateway struct {
	*sandbox.Sandbox
	t        testing.TB
	url      string
	clock    *clock
	webhooks chan webhook
}

// webhook is a request that the merchant received.
type webhook struct {
	ContentType, Body string
}

// answer is an HTTP answer: the envelope of the REST interface, and the whole text.
type answer struct {
	Code     int
	Message  *string
	Response json.RawMessage

	status int
	header http.Header
	text   string
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newGateway starts a sandbox. options change its configuration first.
func newGateway(t testing.TB, options ...func(*sandbox.Config)) *gateway {
	t.Helper()
	g := &gateway{
		t: t, clock: &clock{now: time.Unix(1_763_795_000, 0)},
		webhooks: make(chan webhook, 100),
	}
	merchant := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		g.webhooks <- webhook{r.Header.Get("Content-Type"), string(body)}
	}))
	t.Cleanup(merchant.Close)
	config := sandbox.Config{Key: "key", Secret: "s&=+%", WebhookURL: merchant.URL, Now: g.clock.Now}
	for _, option := range options {
		option(&config)
	}
	g.Sandbox = sandbox.New(config)
	t.Cleanup(g.Close)
	server := httptest.NewServer(g.Sandbox)
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

// call sends a request with a JSON body and headers given as "Name: value".
func (g *gateway) call(method, path, body string, headers ...string) answer {
	g.t.Helper()
	request, err := http.NewRequestWithContext(g.t.Context(), method, g.url+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		g.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	got := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	_ = json.Unmarshal(text, &got) // pages are no envelopes
	return got
}

// callWithToken calls the REST interface with the merchant's token.
func (g *gateway) callWithToken(method, path, body string, headers ...string) answer {
	g.t.Helper()
	return g.call(method, path, body, append([]string{"Authorization: Bearer " + g.token()}, headers...)...)
}

func (g *gateway) getWithToken(path string) answer {
	g.t.Helper()
	return g.callWithToken(http.MethodGet, path, "")
}

func (g *gateway) token() string {
	g.t.Helper()
	got := g.call(http.MethodPost, "/users/getToken", `{"imp_key":"key","imp_secret":"s&=+%"}`)
	return decodeResponse[struct {
		AccessToken string `json:"access_token"`
	}](g, got).AccessToken
}

// receivedWebhooks waits for the webhooks under way, and returns the webhooks since the last call.
func (g *gateway) receivedWebhooks() []webhook {
	g.Wait()
	got := []webhook{}
	for len(g.webhooks) > 0 {
		got = append(got, <-g.webhooks)
	}
	return got
}

// decodeResponse decodes the answer's response.
func decodeResponse[T any](g *gateway, a answer) T {
	g.t.Helper()
	var v T
	if err := json.Unmarshal(a.Response, &v); err != nil {
		g.t.Fatalf("response of %d %s: %v", a.status, a.text, err)
	}
	return v
}

// expectCode compares the answer's HTTP status and code.
func (g *gateway) expectCode(a answer, status, code int) {
	g.t.Helper()
	if a.status != status || a.Code != code {
		g.t.Errorf("got HTTP %d code %d, want %d and %d: %s", a.status, a.Code, status, code, a.text)
	}
}

func equal[T any](t testing.TB, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPutCompletesAPayment(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	p := g.Put(sandbox.Payment{MerchantUID: "order-1", Amount: "5000"})
	if !strings.HasPrefix(p.ImpUID, "imp_") || p.Status != sandbox.Paid || p.Currency != "KRW" || p.PaidAt != 1_763_795_000 {
		t.Errorf("not completed: %+v", p)
	}
	if p.Sandbox {
		t.Error("a payment that was given as live became a test payment")
	}
	kept, ok := g.Payment(p.ImpUID)
	equal(t, ok, true)
	equal(t, kept, p)
}

func TestPutReplacesThePaymentOfThatImpUID(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "old", Status: sandbox.Ready})
	g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "new", Amount: "7"})
	g.expectCode(g.getWithToken("/payments/find/old"), 404, 1)
	g.expectCode(g.getWithToken("/payments/find/new"), 200, 0)
}

func TestPutCancelsInFullUnlessAmountsSayOtherwise(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	p := g.Put(sandbox.Payment{Amount: "5000", Status: sandbox.Cancelled})
	equal(t, p.CancelAmount, "5000")
	equal(t, len(p.CancelHistory), 1)
	part := g.Put(sandbox.Payment{Amount: "5000", CancelAmount: "10", Status: sandbox.Cancelled})
	equal(t, part.CancelHistory[0].Amount, "10")
	pending := g.Put(sandbox.Payment{Amount: "5000", Status: sandbox.Cancelled, CancelHistory: []sandbox.Cancellation{}})
	equal(t, pending.CancelAmount, "0")
}

func TestAllIsInOrderOfCreation(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	equal(t, g.All(), []sandbox.Payment{})
	one := g.Put(sandbox.Payment{MerchantUID: "a"})
	two := g.Put(sandbox.Payment{MerchantUID: "b"})
	equal(t, g.All(), []sandbox.Payment{one, two})
	got := decodeResponse[listPage](g, g.call(http.MethodGet, "/sandbox-payments?limit=1&page=2", ""))
	equal(t, got.List, []sandbox.Payment{two})
}

func TestOldestPaymentIsForgottenBeyondTheLimit(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(c *sandbox.Config) { c.MaxPayments = 2 })
	for i := range 3 {
		g.Put(sandbox.Payment{ImpUID: fmt.Sprint("imp_", i), MerchantUID: "order"})
	}
	_, known := g.Payment("imp_0")
	equal(t, known, false)
	equal(t, decodeResponse[struct{ Total int }](g, g.getWithToken("/payments/findAll/order")).Total, 2)
}

func TestRequestsCountsEachRoute(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.getWithToken("/payments/imp_1?x=1")
	g.call(http.MethodGet, "/payments/imp_2", "")
	equal(t, g.Requests(), map[string]int{"POST /users/getToken": 1, "GET /payments/{imp_uid}": 2})
}

func TestManyCallersAtOnce(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "order", Amount: "100"})
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			_ = g.Cancel("imp_1", "5")
			g.Put(sandbox.Payment{MerchantUID: "order"})
			g.getWithToken("/payments/imp_1")
			g.getWithToken("/payments/status/all?limit=1000")
			g.getWithToken("/payments/findAll/order")
		})
	}
	group.Wait()
	p, _ := g.Payment("imp_1")
	equal(t, p.CancelAmount, "100")
	equal(t, len(p.CancelHistory), 20)
	equal(t, len(g.receivedWebhooks()), 20)
}

func encodeForm(pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return values.Encode()
}

const formType = "Content-Type: application/x-www-form-urlencoded"

func BenchmarkLookup(b *testing.B) {
	g := newGateway(b)
	for i := range 10_000 {
		g.Put(sandbox.Payment{ImpUID: fmt.Sprint("imp_", i), MerchantUID: fmt.Sprint("order-", i), Amount: "1000"})
	}
	token := g.token()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			r := httptest.NewRequest(http.MethodGet, fmt.Sprint("/payments/imp_", i%10_000), nil)
			r.Header.Set("Authorization", token)
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				b.Fatal(w.Body)
			}
		}
	})
}
