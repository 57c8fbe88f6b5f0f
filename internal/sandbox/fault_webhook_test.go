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

// told presses pay under the plan and returns the webhooks that came of it.
func told(t *testing.T, plan string) (*gateway, []webhook) {
	t.Helper()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_other", MerchantUID: "other"})
	g.suffer(plan)
	equal(t, g.press(g.open("overlay", plainOrder), `{"action":"pay"}`).Rsp.Success, true)
	return g, g.notices()
}

func TestFaultWebhookNever(t *testing.T) {
	t.Parallel()
	g, got := told(t, "webhook-never")
	equal(t, len(got), 0)
	equal(t, g.Flush(), 0)
	g.wantInjected(fault.WebhookNever, 1)
}

func TestFaultWebhookTwice(t *testing.T) {
	t.Parallel()
	g, got := told(t, "webhook-twice")
	equal(t, len(got), 2)
	equal(t, got[0], got[1])
	g.wantInjected(fault.WebhookTwice, 1)
}

func TestFaultWebhookForm(t *testing.T) {
	t.Parallel()
	g, got := told(t, "webhook-form")
	equal(t, len(got), 1)
	equal(t, got[0].ContentType, "application/x-www-form-urlencoded")
	g.wantInjected(fault.WebhookForm, 1)
}

func TestFaultWebhookForgedTellsTheTruthAndThreeLies(t *testing.T) {
	t.Parallel()
	g, got := told(t, "webhook-forged")
	p := g.All()[1]
	var lies []string
	for _, w := range got {
		var n struct {
			ImpUID, MerchantUID, Status string
		}
		if err := json.Unmarshal([]byte(strings.NewReplacer("imp_uid", "ImpUID", "merchant_uid", "MerchantUID").Replace(w.Body)), &n); err != nil {
			t.Fatal(err)
		}
		switch {
		case n.ImpUID == "imp_other" && n.MerchantUID == "order":
			lies = append(lies, "imp_uid")
		case n.ImpUID == p.ImpUID && n.MerchantUID != "order":
			lies = append(lies, "merchant_uid")
		case n.ImpUID == p.ImpUID && n.Status == "cancelled":
			lies = append(lies, "status")
		case n.ImpUID == p.ImpUID && n.Status == "paid":
			lies = append(lies, "none")
		}
	}
	slices.Sort(lies)
	equal(t, lies, []string{"imp_uid", "merchant_uid", "none", "status"})
	g.wantInjected(fault.WebhookForged, 1)
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
	window := g.open("overlay", plainOrder)
	g.suffer("webhook-first")
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		g.press(window, `{"action":"pay"}`)
	}()
	<-reached
	select {
	case <-answered:
		t.Error("the browser was answered before the webhook")
	default:
	}
	close(release)
	<-answered
	g.wantInjected(fault.WebhookFirst, 1)
}

func TestFaultWebhookFirstIsNothingWhereNobodyWaits(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.suffer("webhook-first")
	g.Put(sandbox.Payment{ImpUID: "imp_1"})
	g.Notify("imp_1")
	equal(t, len(g.notices()), 1)
	g.wantInjected(fault.WebhookFirst, 0)
}

func TestFaultWebhookLateComesAnHourLater(t *testing.T) {
	t.Parallel()
	g, got := told(t, "webhook-late")
	equal(t, len(got), 0)
	equal(t, g.Faults().Later, 1)
	g.clock.advance(time.Hour - time.Second)
	equal(t, g.Deliver(), 0)
	g.clock.advance(time.Second)
	equal(t, g.Deliver(), 1)
	equal(t, len(g.notices()), 1)
	equal(t, g.Faults().Later, 0)
}

func TestFlushSendsWhatIsNotDue(t *testing.T) {
	t.Parallel()
	g, got := told(t, "webhook-late")
	equal(t, len(got), 0)
	g.suffer("")
	equal(t, g.call(http.MethodPost, "/sandbox/faults/flush", "").text, `{"flushed":1}`)
	equal(t, len(g.notices()), 1)
}

func TestCloseDropsWhatIsLater(t *testing.T) {
	t.Parallel()
	g, _ := told(t, "webhook-late")
	g.Close()
	equal(t, g.Flush(), 0)
	equal(t, len(g.notices()), 0)
}

func TestLateWebhooksAreBounded(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1"})
	g.suffer("webhook-late")
	for range 10_001 {
		g.Notify("imp_1")
	}
	equal(t, g.Faults().Later, 10_000)
	equal(t, len(g.notices()), 1)
}
