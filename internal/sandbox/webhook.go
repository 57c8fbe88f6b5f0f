package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Iamport's timeouts of a first delivery (contract §2.3).
const (
	connectTimeout = 10 * time.Second
	readTimeout    = 30 * time.Second
	maxDeliveries  = 64 // at a time; a benchmark may pay thousands of orders at once
)

// closeTimeout is how long Close waits for addresses that do not answer.
const closeTimeout = 5 * time.Second

// notice is the body of a webhook (contract §2.1), without a signature, as at Iamport.
type notice struct {
	ImpUID         string `json:"imp_uid"`
	MerchantUID    string `json:"merchant_uid"`
	Status         string `json:"status"`
	CancellationID string `json:"cancellation_id,omitempty"`

	form bool // sent as a form, despite the configuration
}

// notifyMerchant sends the webhook for the payment's present status without waiting for the
// delivery.
func (s *Sandbox) notifyMerchant(r *record) { s.sendWebhook(r, false) }

// sendWebhook sends the webhook like notifyMerchant. windowWaits is set when a browser waits for
// the payment's outcome, whose answer a fault may hold.
func (s *Sandbox) sendWebhook(r *record, windowWaits bool) {
	n := notice{ImpUID: r.ImpUID, MerchantUID: r.MerchantUID, Status: r.Status}
	if r.Status == Cancelled && len(r.CancelHistory) > 0 {
		n.CancellationID = r.CancelHistory[len(r.CancelHistory)-1].CancellationID
	}
	addresses := r.notices
	if len(addresses) == 0 && s.config.WebhookURL != "" {
		addresses = []string{s.config.WebhookURL}
	}
	s.sendWithFaults(r, n, addresses, windowWaits)
}

// webhookSender delivers each notice once, in no particular order. A failed delivery changes no
// payment.
type webhookSender struct {
	client *http.Client
	log    *slog.Logger
	form   bool
	slots  chan struct{}
	life   context.Context // of every delivery; ends closeTimeout after close at the latest
	end    context.CancelFunc

	mu       sync.Mutex
	idle     sync.Cond
	inFlight int
	closed   bool
}

func newWebhookSender(config Config) *webhookSender {
	w := &webhookSender{
		client: cmp.Or(config.Client, newWebhookClient()),
		log:    config.Log,
		form:   config.WebhookForm,
		slots:  make(chan struct{}, maxDeliveries),
	}
	w.life, w.end = context.WithCancel(context.Background())
	w.idle.L = &w.mu
	return w
}

func newWebhookClient() *http.Client {
	return &http.Client{
		Timeout: connectTimeout + readTimeout,
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
			TLSHandshakeTimeout:   connectTimeout,
			ResponseHeaderTimeout: readTimeout,
			MaxIdleConnsPerHost:   maxDeliveries,
		},
		// A webhook goes to the configured address, nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// startSend delivers the notice without waiting.
func (w *webhookSender) startSend(address string, n notice) {
	if w.startDelivery(n) {
		go w.deliverNotice(address, n)
	}
}

// sendNow returns when the merchant has answered the notice, or delivery has failed.
func (w *webhookSender) sendNow(address string, n notice) {
	if w.startDelivery(n) {
		w.deliverNotice(address, n)
	}
}

func (w *webhookSender) startDelivery(n notice) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		w.log.Warn("sandbox: webhook not sent, the sandbox is closed", "imp_uid", n.ImpUID)
		return false
	}
	w.inFlight++
	return true
}

func (w *webhookSender) deliverNotice(address string, n notice) {
	w.slots <- struct{}{}
	defer w.endDelivery()
	if err := w.postNotice(w.life, address, n); err != nil {
		w.log.Warn("sandbox: webhook failed", "url", address, "imp_uid", n.ImpUID, "status", n.Status, "err", err)
	}
}

func (w *webhookSender) endDelivery() {
	<-w.slots
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inFlight--
	w.idle.Broadcast()
}

func (w *webhookSender) postNotice(ctx context.Context, address string, n notice) error {
	contentType, body := n.encodeBody(w.form || n.form)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("User-Agent", "pointcharge-sandbox")
	response, err := w.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	// The answer's body has no meaning (contract §2.3), and is read so that the connection can be
	// reused.
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	if response.StatusCode >= 300 {
		return fmt.Errorf("answered %s", response.Status)
	}
	return nil
}

func (n notice) encodeBody(form bool) (contentType string, body []byte) {
	if !form {
		body, _ = json.Marshal(n) // four strings
		return "application/json", body
	}
	values := url.Values{"imp_uid": {n.ImpUID}, "merchant_uid": {n.MerchantUID}, "status": {n.Status}}
	if n.CancellationID != "" {
		values.Set("cancellation_id", n.CancellationID)
	}
	return "application/x-www-form-urlencoded", []byte(values.Encode())
}

func (w *webhookSender) waitForDeliveries() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.inFlight > 0 {
		w.idle.Wait()
	}
}

func (w *webhookSender) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	timeout := time.AfterFunc(closeTimeout, w.end)
	w.waitForDeliveries()
	timeout.Stop()
	w.end()
	w.client.CloseIdleConnections()
}
