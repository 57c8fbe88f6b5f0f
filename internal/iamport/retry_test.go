package iamport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/iamport"
)

// failTimes answers badly the first times, and then as it should.
func failTimes(times int64, badly http.HandlerFunc) *stub {
	var s *stub
	s = newStub(func(w http.ResponseWriter, r *http.Request) {
		if s.requests.Load() <= times {
			badly(w, r)
			return
		}
		respondPaid(w, r)
	})
	return s
}

func resetConnection(w http.ResponseWriter, _ *http.Request) {
	conn, _, _ := http.NewResponseController(w).Hijack()
	conn.Close()
}

func truncateBody(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	io.WriteString(w, `{"code":0,"message":null,"resp`)
}

// gatewayFaults are the ways of F26 in which no answer of Iamport's arrives.
func gatewayFaults() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"connection closed": resetConnection,
		"body cut off":      truncateBody,
		"truncated JSON":    respond(200, `{"code":0,"message":null,"resp`),
		"HTML":              respond(200, "<html>maintenance</html>"),
		"nothing":           respond(200, ""),
		"another JSON":      respond(200, `{"status":"up"}`),
		"502 HTML":          respond(502, "<html>bad gateway</html>"),
		"503 of Iamport":    respond(503, `{"code":-1,"message":"점검","response":null}`),
		"too many requests": respond(429, `{"code":-1,"message":"slow down","response":null}`),
	}
}

func TestF26ReadsAreRetriedAfterTrouble(t *testing.T) {
	t.Parallel()
	for name, badly := range gatewayFaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mustPay(t, failTimes(2, badly).client(t, iamport.Config{}))
		})
	}
}

func TestF26TroubleThatLastsIsAnError(t *testing.T) {
	t.Parallel()
	for name, badly := range gatewayFaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newStub(badly).client(t, iamport.Config{}).Payment(t.Context(), "imp_1")
			wantCode(t, err, apierror.GatewayUnavailable)
		})
	}
}

func TestF26GetTokenIsRetriedAfterTrouble(t *testing.T) {
	t.Parallel()
	stub := newStub(respondPaid)
	prompt := stub.grant
	stub.grant = func(w http.ResponseWriter, r *http.Request) {
		if stub.getTokens.Load() <= 2 {
			respond(502, "<html>")(w, r)
			return
		}
		prompt(w, r)
	}
	mustPay(t, stub.client(t, iamport.Config{}))
}

func TestClearRefusalsAreNotRetried(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 403, 409} {
		stub := newStub(respond(status, `{"code":-1,"message":"no","response":null}`))
		_, err := stub.timeless(iamport.Config{}).Payment(t.Context(), "imp_1")
		wantCode(t, err, apierror.GatewayUnavailable)
		wantCount(t, "requests", stub.requests.Load(), 1)
	}
}

func TestF26GatewayThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub := newStub(waitForCaller)
		started := time.Now()
		_, err := stub.timeless(iamport.Config{Timeout: 20 * time.Second}).Payment(t.Context(), "imp_1")
		wantCode(t, err, apierror.GatewayUnavailable)
		wantCount(t, "requests", stub.requests.Load(), 3)
		if waited := time.Since(started); waited > 16*time.Second {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestWholeCallIsBoundedHoweverOftenItIsRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		_, err := newStub(waitForCaller).timeless(iamport.Config{Timeout: 7 * time.Second}).Payment(t.Context(), "imp_1")
		wantCode(t, err, apierror.GatewayUnavailable)
		if waited := time.Since(started); waited != 7*time.Second {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestCallerWhoLeavesIsLetGoAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		started := time.Now()
		_, err := newStub(waitForCaller).timeless(iamport.Config{}).Payment(ctx, "imp_1")
		wantCode(t, err, apierror.GatewayUnavailable)
		if waited := time.Since(started); waited != time.Second || !errors.Is(err, context.Canceled) {
			t.Errorf("waited %s for %v", waited, err)
		}
	})
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := newStub(respondPaid)
	other := httptest.NewServer(elsewhere)
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 307, 308} {
		stub := newStub(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+r.URL.Path, status) })
		_, err := stub.client(t, iamport.Config{}).Payment(t.Context(), "imp_1")
		wantCode(t, err, apierror.GatewayUnavailable)
		wantCount(t, "requests elsewhere", elsewhere.requests.Load(), 0)
	}
}

func TestOversizedBodyIsNotRead(t *testing.T) {
	t.Parallel()
	stub := newStub(func(w http.ResponseWriter, _ *http.Request) {
		for range 10 << 10 {
			if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<10)); err != nil {
				return
			}
		}
		io.WriteString(w, okEnvelope(minimalPayment("imp_1")))
	})
	_, err := stub.client(t, iamport.Config{}).Payment(t.Context(), "imp_1")
	wantCode(t, err, apierror.GatewayUnavailable)
	wantCount(t, "requests", stub.requests.Load(), 1)
}

func TestNothingSecretIsSaidOrLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	echo := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		respond(500, r.Header.Get("Authorization")+string(body)+" buyer@example.com")(w, r)
	}
	worded := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		message, _ := json.Marshal("not accepted: " + string(body))
		respond(500, `{"code":-1,"message":`+string(message)+`,"response":null}`)(w, r)
	}
	for _, stub := range []*stub{newStub(echo), {grant: echo, answer: echo}, {grant: worded, answer: echo}} {
		client := stub.timeless(iamport.Config{
			Key: "the-k3y", Secret: "the-s3cret",
			Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		for range 5 { // until the breaker opens, which is logged too
			_, err := client.Payment(t.Context(), "imp_1")
			log.WriteString(err.Error())
		}
	}
	for _, secret := range []string{"the-k3y", "the-s3cret", "token-1", "buyer@example.com"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is in\n%s", secret, &log)
		}
	}
}
