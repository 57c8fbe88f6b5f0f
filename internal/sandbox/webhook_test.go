package sandbox_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"pointcharge/internal/sandbox"
)

func TestNotifySendsThePresentStatusAsJSON(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "order"})
	equal(t, g.receivedWebhooks(), []webhook{})
	g.Notify("imp_1")
	equal(t, g.receivedWebhooks(), []webhook{{"application/json", `{"imp_uid":"imp_1","merchant_uid":"order","status":"paid"}`}})
}

func TestNotifySendsAFormWhenConfigured(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(c *sandbox.Config) { c.WebhookForm = true })
	p := g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "a&b", Amount: "5", Status: sandbox.Cancelled})
	g.Notify("imp_1")
	equal(t, g.receivedWebhooks(), []webhook{{"application/x-www-form-urlencoded",
		"cancellation_id=" + p.CancelHistory[0].CancellationID + "&imp_uid=imp_1&merchant_uid=a%26b&status=cancelled"}})
}

func TestNotifyAboutAnUnknownPaymentSendsNothing(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Notify("imp_9")
	equal(t, g.receivedWebhooks(), []webhook{})
}

func TestNotifyWithoutAnAddressSendsNothing(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(c *sandbox.Config) { c.WebhookURL = "" })
	g.Put(sandbox.Payment{ImpUID: "imp_1"})
	g.Notify("imp_1")
	equal(t, g.receivedWebhooks(), []webhook{})
}

func TestNotifyDoesNotWaitForTheMerchant(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	}))
	defer slow.Close()
	g := newGateway(t, func(c *sandbox.Config) { c.WebhookURL = slow.URL })
	g.Put(sandbox.Payment{ImpUID: "imp_1"})
	g.Notify("imp_1")
	<-arrived // reached while the webhook still waits
	close(release)
}

func TestCloseWaitsForWebhooksUnderWay(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	}))
	defer slow.Close()
	g := newGateway(t, func(c *sandbox.Config) { c.WebhookURL = slow.URL })
	g.Put(sandbox.Payment{ImpUID: "imp_1"})
	g.Notify("imp_1")
	<-arrived
	closed := make(chan struct{})
	go func() {
		g.Close()
		close(closed)
	}()
	select {
	case <-closed:
		t.Error("closed while a webhook was under way")
	default:
	}
	close(release)
	<-closed
}

func TestNothingIsSentAfterClose(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1"})
	g.Close()
	g.Notify("imp_1")
	equal(t, g.receivedWebhooks(), []webhook{})
}

// logBuffer is a log for concurrent writers.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *logBuffer) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func TestWebhookFailuresAreLoggedAndNotRepeated(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer refusing.Close()
	redirecting := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect))
	defer redirecting.Close()
	for _, address := range []string{closed.URL, refusing.URL, redirecting.URL, "not an address", "http://\x7f"} {
		log := &logBuffer{}
		g := newGateway(t, func(c *sandbox.Config) {
			c.WebhookURL, c.Log = address, slog.New(slog.NewTextHandler(log, nil))
		})
		g.Put(sandbox.Payment{ImpUID: "imp_1"})
		g.Notify("imp_1")
		g.Wait()
		equal(t, strings.Count(log.text.String(), "webhook failed"), 1)
	}
}
