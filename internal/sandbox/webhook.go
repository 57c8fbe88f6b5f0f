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

// Iamport's patience with a first delivery (contract §2.3).
const (
	connectTimeout = 10 * time.Second
	readTimeout    = 30 * time.Second
	maxDeliveries  = 64 // at a time; a benchmark may pay thousands of orders at once
)

// closeTimeout is how long Close waits for addresses that do not answer.
const closeTimeout = 5 * time.Second

// notice is the body of a webhook (contract §2.1). It carries no signature: Iamport's does not.
type notice struct {
	ImpUID         string `json:"imp_uid"`
	MerchantUID    string `json:"merchant_uid"`
	Status         string `json:"status"`
	CancellationID string `json:"cancellation_id,omitempty"`

	form bool // sent as a form, whatever is configured
}

// notify tells the merchant how the payment stands, without waiting.
func (s *Sandbox) notify(r *record) { s.sendWebhook(r, false) }

// sendWebhook is notify. Before says that a browser waits for the payment's outcome, whose answer a fault may hold.
func (s *Sandbox) sendWebhook(r *record, before bool) {
	n := notice{ImpUID: r.ImpUID, MerchantUID: r.MerchantUID, Status: r.Status}
	if r.Status == Cancelled && len(r.CancelHistory) > 0 {
		n.CancellationID = r.CancelHistory[len(r.CancelHistory)-1].CancellationID
	}
	addresses := r.notices
	if len(addresses) == 0 && s.config.WebhookURL != "" {
		addresses = []string{s.config.WebhookURL}
	}
	s.sendWithFaults(r, n, addresses, before)
}

// webhookSender delivers notices: each once, in no particular order, and never to the harm of the payment.
type webhookSender struct {
	client *http.Client
	log    *slog.Logger
	form   bool
	slots  chan struct{}
	life   context.Context // of every delivery; ends some time after close
	end    context.CancelFunc

	mu       sync.Mutex
	idle     sync.Cond
	inFlight int
	closed   bool
}

func newWebhookSender(config Config) *webhookSender {
	c := &webhookSender{
		client: cmp.Or(config.Client, newWebhookClient()),
		log:    config.Log,
		form:   config.WebhookForm,
		slots:  make(chan struct{}, maxDeliveries),
	}
	c.life, c.end = context.WithCancel(context.Background())
	c.idle.L = &c.mu
	return c
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
		// A webhook is told to the address that was configured, nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (c *webhookSender) startSend(address string, n notice) {
	if c.startDelivery(n) {
		go c.deliver(address, n)
	}
}

// sendNow returns when the notice was answered, or cannot be.
func (c *webhookSender) sendNow(address string, n notice) {
	if c.startDelivery(n) {
		c.deliver(address, n)
	}
}

func (c *webhookSender) startDelivery(n notice) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		c.log.Warn("sandbox: webhook not sent, the sandbox is closed", "imp_uid", n.ImpUID)
		return false
	}
	c.inFlight++
	return true
}

func (c *webhookSender) deliver(address string, n notice) {
	c.slots <- struct{}{}
	defer c.endDelivery()
	if err := c.post(c.life, address, n); err != nil {
		c.log.Warn("sandbox: webhook failed", "url", address, "imp_uid", n.ImpUID, "status", n.Status, "err", err)
	}
}

func (c *webhookSender) endDelivery() {
	<-c.slots
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight--
	c.idle.Broadcast()
}

func (c *webhookSender) post(ctx context.Context, address string, n notice) error {
	contentType, body := n.encode(c.form || n.form)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("User-Agent", "pointcharge-sandbox")
	response, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	// The answer's body is ignored (contract §2.3), but read: the connection is wanted again.
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	if response.StatusCode >= 300 {
		return fmt.Errorf("answered %s", response.Status)
	}
	return nil
}

func (n notice) encode(form bool) (contentType string, body []byte) {
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

func (c *webhookSender) wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.inFlight > 0 {
		c.idle.Wait()
	}
}

func (c *webhookSender) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	impatience := time.AfterFunc(closeTimeout, c.end)
	c.wait()
	impatience.Stop()
	c.end()
	c.client.CloseIdleConnections()
}
