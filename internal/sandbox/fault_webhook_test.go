package sandbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/sandbox"
	"pointcharge/internal/sandbox/fault"
)

// webhooksUnder pays an order under the plan and returns the webhooks of it.
func webhooksUnder(t *testing.T, plan string) (*gateway, []webhook) {
	t.Helper()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_other", MerchantUID: "other"})
	g.setFaults(plan)
	equal(t, g.answerCheckout(g.openCheckout("overlay", plainOrder), `{"action":"pay"}`).Rsp.Success, true)
	return g, g.receivedWebhooks()
}

func TestFaultWebhookNever(t *testing.T) {
	t.Parallel()
	g, got := webhooksUnder(t, "webhook-never")
	equal(t, len(got), 0)
	equal(t, g.Flush(), 0)
	g.expectInjected(fault.WebhookNever, 1)
}

func TestFaultWebhookTwice(t *testing.T) {
	t.Parallel()
	g, got := webhooksUnder(t, "webhook-twice")
	equal(t, len(got), 2)
	equal(t, got[0], got[1])
	g.expectInjected(fault.WebhookTwice, 1)
}

func TestFaultWebhookForm(t *testing.T) {
	t.Parallel()
	g, got := webhooksUnder(t, "webhook-form")
	equal(t, len(got), 1)
	equal(t, got[0].ContentType, "application/x-www-form-urlencoded")
	g.expectInjected(fault.WebhookForm, 1)
}

func TestFaultWebhookForgedSendsThreeForgedNotices(t *testing.T) {
	t.Parallel()
	g, got := webhooksUnder(t, "webhook-forged")
	p := g.All()[1]
	var forged []string
	for _, w := range got {
		var n struct {
			ImpUID, MerchantUID, Status string
		}
		if err := json.Unmarshal([]byte(strings.NewReplacer("imp_uid", "ImpUID", "merchant_uid", "MerchantUID").Replace(w.Body)), &n); err != nil {
			t.Fatal(err)
		}
		switch {
		case n.ImpUID == "imp_other" && n.MerchantUID == "order":
			forged = append(forged, "imp_uid")
		case n.ImpUID == p.ImpUID && n.MerchantUID != "order":
			forged = append(forged, "merchant_uid")
		case n.ImpUID == p.ImpUID && n.Status == "cancelled":
			forged = append(forged, "status")
		case n.ImpUID == p.ImpUID && n.Status == "paid":
			forged = append(forged, "none")
		}
	}
	slices.Sort(forged)
	equal(t, forged, []string{"imp_uid", "merchant_uid", "none", "status"})
	g.expectInjected(fault.WebhookForged, 1)
}

func TestFaultWebhookFirstHoldsTheBrowsersAnswer(t *testing.T) {
	t.Parallel()
	reached, release := make(chan struct{}), make(chan struct{})
	merchant := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(reached)
		<-release
	}))
	defer merchant.Close()
	g := newGateway(t, func(c *sandbox.Config) { c.WebhookURL = merchant.URL })
	window := g.openCheckout("overlay", plainOrder)
	g.setFaults("webhook-first")
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		g.answerCheckout(window, `{"action":"pay"}`)
	}()
	<-reached
	select {
	case <-answered:
		t.Error("the browser was answered before the webhook")
	default:
	}
	close(release)
	<-answered
	g.expectInjected(fault.WebhookFirst, 1)
}

func TestFaultWebhookFirstNeedsAnOpenWindow(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.setFaults("webhook-first")
	g.Put(sandbox.Payment{ImpUID: "imp_1"})
	g.Notify("imp_1")
	equal(t, len(g.receivedWebhooks()), 1)
	g.expectInjected(fault.WebhookFirst, 0)
}

func TestFaultWebhookLateComesAnHourLater(t *testing.T) {
	t.Parallel()
	g, got := webhooksUnder(t, "webhook-late")
	equal(t, len(got), 0)
	equal(t, g.Faults().Later, 1)
	g.clock.advance(time.Hour - time.Second)
	equal(t, g.Deliver(), 0)
	g.clock.advance(time.Second)
	equal(t, g.Deliver(), 1)
	equal(t, len(g.receivedWebhooks()), 1)
	equal(t, g.Faults().Later, 0)
}

func TestFlushRunsTasksBeforeTheirTime(t *testing.T) {
	t.Parallel()
	g, got := webhooksUnder(t, "webhook-late")
	equal(t, len(got), 0)
	g.setFaults("")
	equal(t, g.call(http.MethodPost, "/sandbox/faults/flush", "").text, `{"flushed":1}`)
	equal(t, len(g.receivedWebhooks()), 1)
}

func TestCloseDropsScheduledTasks(t *testing.T) {
	t.Parallel()
	g, _ := webhooksUnder(t, "webhook-late")
	g.Close()
	equal(t, g.Flush(), 0)
	equal(t, len(g.receivedWebhooks()), 0)
}

func TestScheduledTasksAreBounded(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1"})
	g.setFaults("webhook-late")
	for range 10_001 {
		g.Notify("imp_1")
	}
	equal(t, g.Faults().Later, 10_000)
	equal(t, len(g.receivedWebhooks()), 1)
}
