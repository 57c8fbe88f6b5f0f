package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"pointcharge/internal/sandbox"
	"pointcharge/internal/sandbox/fault"
)

// setFaults switches the plan on.
func (g *gateway) setFaults(plan string) {
	g.t.Helper()
	p, err := fault.Parse(plan)
	if err == nil {
		err = g.SetFaults(p)
	}
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *gateway) expectInjected(name string, times int) {
	g.t.Helper()
	equal(g.t, g.Faults().Injected[name], times)
}

// send sends a request on a new connection: on a kept connection the client would repeat a reset
// request.
func (g *gateway) send(ctx context.Context, token, method, path, body string) (status int, text string, err error) {
	g.t.Helper()
	request, err := http.NewRequestWithContext(ctx, method, g.url+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	request.Header.Set("Authorization", token)
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	return response.StatusCode, string(all), err
}

// newFaultyGateway returns a gateway with payment imp_1 under the plan, and a function that looks
// imp_1 up.
func newFaultyGateway(t *testing.T, plan string) (g *gateway, look func() (int, string, error)) {
	t.Helper()
	g = newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "order", Amount: "5000"})
	token := g.token()
	g.setFaults(plan)
	return g, func() (int, string, error) { return g.send(t.Context(), token, http.MethodGet, "/payments/imp_1", "") }
}

func TestFaultsThatAnswer(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		status int
		text   string
	}{
		fault.TooMany:      {429, `"message":"Too Many Requests"`},
		fault.ServerError:  {500, `"message":"Internal Server Error"`},
		fault.HTML:         {502, "<html>"},
		fault.Unauthorized: {401, `"message":"Unauthorized"`},
		fault.Latency:      {200, `"imp_uid":"imp_1"`},
	} {
		g, look := newFaultyGateway(t, name)
		status, text, err := look()
		if err != nil || status != want.status || !strings.Contains(text, want.text) {
			t.Errorf("%s: %d %s %v", name, status, text, err)
		}
		g.expectInjected(name, 1)
	}
}

func TestRefusalsComeInTheEnvelopeOfTheirRoute(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		status int
		text   string
	}{
		fault.Refused:    {200, `{"code":1,"message":"요청하신 작업을 처리할 수 없습니다.","response":null}`},
		fault.BadRequest: {400, `{"code":-1,"message":"요청 값이 올바르지 않습니다.","response":null}`},
		fault.Forbidden:  {403, `{"code":-1,"message":"접근 권한이 없습니다.","response":null}`},
		fault.TooMany:    {429, `{"code":-1,"message":"Too Many Requests","response":null}`},
	} {
		g, look := newFaultyGateway(t, name+"=1:1@POST /payments/cancel")
		status, _, _ := look()
		equal(t, status, 200)
		got := g.cancelPayment(`{"imp_uid":"imp_1"}`)
		equal(t, got.status, want.status)
		equal(t, got.text, want.text)
		p, _ := g.Payment("imp_1")
		equal(t, p.Status, sandbox.Paid)
		g.expectCode(g.cancelPayment(`{"imp_uid":"imp_1"}`), 200, 0)
		g.expectInjected(name, 1)
	}
}

func TestARuleSetsTheMessageOfARefusal(t *testing.T) {
	t.Parallel()
	g, _ := newFaultyGateway(t, "")
	const message = "결제취소에 실패하였습니다.(PG사 취소 가능 시간이 아닙니다)"
	got := g.call(http.MethodPut, "/faults", `{"faults":[{"name":"refused","message":"`+message+`"}]}`)
	g.expectCode(got, 200, 0)
	equal(t, *g.call(http.MethodPost, "/payments/cancel", `{}`).Message, message)
	g.expectCode(g.call(http.MethodPut, "/faults", `{"faults":[{"name":"reset","message":"x"}]}`), 400, -1)
}

func TestFaultResetBreaksTheConnection(t *testing.T) {
	t.Parallel()
	g, look := newFaultyGateway(t, fault.Reset)
	if _, _, err := look(); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	g.expectInjected(fault.Reset, 1)
}

func TestFaultTruncatedSendsHalf(t *testing.T) {
	t.Parallel()
	g, look := newFaultyGateway(t, fault.Truncated)
	status, text, err := look()
	if !errors.Is(err, io.ErrUnexpectedEOF) || status != 200 || !strings.HasPrefix(text, `{"code":0`) {
		t.Errorf("got %d %q %v", status, text, err)
	}
	g.expectInjected(fault.Truncated, 1)
}

func TestFaultServerErrorIsOverForTheSameRequest(t *testing.T) {
	t.Parallel()
	g, look := newFaultyGateway(t, fault.ServerError)
	var got []int
	for range 4 {
		status, _, _ := look()
		got = append(got, status)
	}
	equal(t, got, []int{500, 200, 500, 200})
	g.expectInjected(fault.ServerError, 2)
}

func TestFaultUnauthorizedEndsWithANewToken(t *testing.T) {
	t.Parallel()
	g, look := newFaultyGateway(t, fault.Unauthorized+"=1:1")
	before := g.token()
	status, _, _ := look()
	equal(t, status, 401)
	if g.token() == before {
		t.Error("the token lives")
	}
	g.expectCode(g.getWithToken("/payments/imp_1"), 200, 0)
}

func TestFaultHangEndsWhenTheCallerLeaves(t *testing.T) {
	t.Parallel()
	g, _ := newFaultyGateway(t, fault.Hang)
	ctx, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer leave()
	if _, _, err := g.send(ctx, "", http.MethodPost, "/payments/cancel", `{}`); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	g.expectInjected(fault.Hang, 1)
}

// TestHangsEndWithTheirFault ends requests that would hang for half a minute.
func TestHangsEndWithTheirFault(t *testing.T) {
	t.Parallel()
	for _, end := range []func(*gateway){
		func(g *gateway) { g.setFaults("") },
		func(g *gateway) { g.Close() },
	} {
		g, look := newFaultyGateway(t, fault.Hang)
		done := make(chan error)
		go func() {
			_, _, err := look()
			done <- err
		}()
		for g.Faults().Injected[fault.Hang] == 0 {
			runtime.Gosched()
		}
		end(g)
		if err := <-done; err == nil {
			t.Error("a hang was answered")
		}
	}
}

func TestFaultLostComesAfterTheEffect(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "order", Amount: "5000"})
	token := g.token()
	g.setFaults("lost=1@POST *")
	if _, _, err := g.send(t.Context(), token, http.MethodPost, "/payments/cancel", `{"imp_uid":"imp_1","amount":"100"}`); err == nil {
		t.Error("the cancellation was answered")
	}
	if _, _, err := g.send(t.Context(), token, http.MethodPost, "/payments/prepare", `{"merchant_uid":"next","amount":5}`); err == nil {
		t.Error("the preparation was answered")
	}
	p, _ := g.Payment("imp_1")
	equal(t, p.CancelAmount, "100")
	status, _, _ := g.send(t.Context(), token, http.MethodGet, "/payments/prepare/next", "")
	equal(t, status, 200)
	g.expectInjected(fault.Lost, 2)
}

func TestFaultKeepsToItsRouteAndCount(t *testing.T) {
	t.Parallel()
	_, look := newFaultyGateway(t, "429=1:2@GET /payments/{imp_uid},500=1@POST /users/*")
	var got []int
	for range 3 {
		status, _, _ := look()
		got = append(got, status)
	}
	equal(t, got, []int{429, 429, 200})
}

func TestFaultsLeaveTheSandboxsOwnRoutesAlone(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.setFaults("reset")
	window := g.openCheckout("overlay", plainOrder)
	equal(t, g.answerCheckout(window, `{"action":"pay"}`).Rsp.Success, true)
	equal(t, g.call(http.MethodGet, "/iamport.js", "").status, 200)
}

func TestDownClosesEveryConnection(t *testing.T) {
	t.Parallel()
	g, look := newFaultyGateway(t, "down=1")
	for _, path := range []string{"/iamport.js", "/payments/imp_1", "/nowhere"} {
		if _, _, err := g.send(t.Context(), "", http.MethodGet, path, ""); err == nil {
			t.Error(path, "was answered")
		}
	}
	g.expectInjected("down", 3)
	equal(t, g.Faults().Down, true)
	g.Down(false)
	if status, _, err := look(); status != 200 {
		t.Error(status, err)
	}
}

// TestFaultCancelPendingHappensLater cancels at a provider that accepts at once, and cancels and
// sends the webhook ten minutes later.
func TestFaultCancelPendingHappensLater(t *testing.T) {
	t.Parallel()
	g, _ := newFaultyGateway(t, fault.CancelPending)
	a := g.cancelPayment(`{"imp_uid":"imp_1","amount":1000,"checksum":5000}`)
	g.expectCode(a, http.StatusOK, 0)
	p, _ := g.Payment("imp_1")
	equal(t, p.CancelAmount.String()+p.Status, "0paid")
	g.clock.advance(10 * time.Minute)
	equal(t, g.Deliver(), 1)
	p, _ = g.Payment("imp_1")
	equal(t, p.CancelAmount.String()+p.Status, "1000cancelled")
	equal(t, len(g.receivedWebhooks()), 1)
	g.expectInjected(fault.CancelPending, 1)
}

// TestFaultCancelPendingIsDropped drops a cancellation after another one, and refuses an impossible
// one at once.
func TestFaultCancelPendingIsDropped(t *testing.T) {
	t.Parallel()
	g, _ := newFaultyGateway(t, fault.CancelPending)
	g.expectCode(g.cancelPayment(`{"imp_uid":"imp_1","checksum":4000}`), http.StatusOK, 1)
	g.expectCode(g.cancelPayment(`{"imp_uid":"imp_9"}`), http.StatusOK, 1)
	g.expectCode(g.cancelPayment(`{"imp_uid":"imp_1","amount":1000,"checksum":5000}`), http.StatusOK, 0)
	if err := g.Cancel("imp_1", "500"); err != nil {
		t.Fatal(err)
	}
	g.clock.advance(10 * time.Minute)
	g.Deliver()
	p, _ := g.Payment("imp_1")
	equal(t, p.CancelAmount.String(), "500")
}
