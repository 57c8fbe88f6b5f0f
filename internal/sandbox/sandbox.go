// Package sandbox is a pretend Iamport (아임포트) for development and tests: the REST interface, the
// webhooks, the browser's iamport.js and a checkout page where a developer chooses the end of a
// payment. The sandbox moves no money and keeps all data in memory. Every caller can make payments
// and can have webhooks sent to any address. The package implements the wire contract
// (docs/iamport/CONTRACT.md, quoted as "contract §") separately, and shares no code with the client
// under test.
//
// Mount a Sandbox at a path with http.StripPrefix, alone on a port, or with httptest. routes.go
// lists the routes beyond Iamport's own.
package sandbox

import (
	"encoding/json"
	"html/template"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"pointcharge/internal/sandbox/fault"
)

// Config sets how the pretend Iamport behaves. The zero value accepts every merchant and sends no
// webhooks.
type Config struct {
	Key, Secret string           // imp_key, imp_secret; empty accepts any non-empty text
	UserCode    string           // the argument that IMP.init needs; empty accepts any
	WebhookURL  string           // the address of webhooks; empty sends none
	WebhookForm bool             // webhooks as application/x-www-form-urlencoded instead of JSON
	MaxPayments int              // the oldest payment beyond it is forgotten; 0 means 100,000
	Now         func() time.Time // nil means time.Now
	Log         *slog.Logger     // nil discards
	// Delivers webhooks; nil means one with Iamport's timeouts (contract §2.3).
	Client *http.Client
}

const (
	defaultMaxPayments = 100_000
	maxSessions        = 10_000
)

// Sandbox is the pretend Iamport: an http.Handler, safe for concurrent use.
type Sandbox struct {
	config    Config
	log       *slog.Logger
	now       func() time.Time
	mux       *http.ServeMux
	requests  map[string]*atomic.Int64 // fixed after New, except for the counts
	pages     *template.Template
	tokens    tokens
	store     *store
	sender    *webhookSender
	scheduler scheduler
	faults    *fault.Injector

	mu       sync.Mutex // guards the two below
	prepared *bounded[preparation]
	sessions *bounded[*session]
}

// New returns a Sandbox, which must be closed.
func New(config Config) *Sandbox {
	if config.MaxPayments <= 0 {
		config.MaxPayments = defaultMaxPayments
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	s := &Sandbox{
		config:   config,
		log:      config.Log,
		now:      config.Now,
		pages:    parsePages(),
		store:    newStore(config.MaxPayments),
		sender:   newWebhookSender(config),
		prepared: newBounded[preparation](config.MaxPayments),
		sessions: newBounded[*session](maxSessions),
	}
	s.scheduler.now = config.Now
	s.faults = fault.NewInjector(config.Log)
	s.registerRoutes()
	return s
}

// ServeHTTP answers Iamport's REST interface, the browser and the sandbox's own routes.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.faults.Down() && !isFaultsPath(r.URL.Path) {
		s.faults.Count("down", r.URL.Path)
		resetConnection(w)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// Put creates the payment, or replaces the payment with the same ImpUID, and returns the completed
// payment. A missing ImpUID, status (paid), currency (KRW), pay method (card) and times are filled
// in, and a cancelled payment without a history counts as cancelled once, over CancelAmount or in
// full. The field Sandbox stays as given, so a plain Payment is a live payment. Put sends no
// webhook and meets no fault.
func (s *Sandbox) Put(p Payment) Payment {
	now := s.now().Unix()
	return s.store.putPayment(p.withDefaults(now), nil, now).Payment
}

// Payment returns the payment in its present state.
func (s *Sandbox) Payment(impUID string) (Payment, bool) {
	r, ok := s.store.findRecord(impUID)
	if !ok {
		return Payment{}, false
	}
	return r.Payment, true
}

// All returns every payment in the sandbox, in order of creation, for the comparison with a
// server's books.
func (s *Sandbox) All() []Payment {
	all := []Payment{}
	for _, r := range s.store.allRecords() {
		all = append(all, r.Payment)
	}
	return all
}

// Notify sends the webhook for the payment's present status, once and asynchronously, like the
// console's resend button. An unknown payment is ignored.
func (s *Sandbox) Notify(impUID string) {
	if r, ok := s.store.findRecord(impUID); ok {
		s.notifyMerchant(r)
	}
}

// Cancel cancels the amount, in the payment's currency, as a person at Iamport's console does: with
// a webhook (contract §2.2). An empty amount, or 0, is the whole rest. The error is Iamport's
// refusal.
func (s *Sandbox) Cancel(impUID string, amount json.Number) error {
	_, err := s.cancelPayment(cancelRequest{ImpUID: impUID, Amount: amount, Reason: "관리자 콘솔 취소", Notify: true})
	return err
}

// Pay makes an unpaid payment paid after its window has closed, with a webhook: the deposit into a
// virtual account, or the late approval of a failed payment (contract §1.4). The error is Iamport's
// refusal.
func (s *Sandbox) Pay(impUID string) error {
	r, f, err := s.markPaid(impUID, s.injectPaymentFault)
	if err != nil {
		return err
	}
	s.scheduleFollowUp(r, f)
	if r.Status == Paid { // a failure sends no webhook (contract §2.2)
		s.notifyMerchant(r)
	}
	return nil
}

// markPaid makes the payment paid. inject may change the payment before readers see the payment.
func (s *Sandbox) markPaid(impUID string, inject func(*record) fault.Fault) (r *record, f fault.Fault, err error) {
	now := s.now().Unix()
	r, err = s.store.updatePayment(impUID, now, func(r *record) error {
		if r.PaidAt != 0 {
			return errAlreadyPaid
		}
		r.Status, r.PaidAt, r.FailedAt, r.FailReason = Paid, now, 0, ""
		f = inject(r)
		return nil
	})
	return r, f, err
}

// ExpireToken makes the present token invalid at once. The next getToken issues a new one.
func (s *Sandbox) ExpireToken() { s.tokens.expireToken() }

// Requests returns the number of requests per route pattern, such as "GET /payments/{imp_uid}". A
// route without requests is absent.
func (s *Sandbox) Requests() map[string]int {
	counts := map[string]int{}
	for pattern, n := range s.requests {
		if asked := n.Load(); asked > 0 {
			counts[pattern] = int(asked)
		}
	}
	return counts
}

// Wait returns when no webhook is being delivered.
func (s *Sandbox) Wait() { s.sender.waitForDeliveries() }

// Close switches the faults off, drops postponed effects, and waits at most five seconds for
// webhooks under way. Afterwards no webhook is sent. The routes keep answering.
func (s *Sandbox) Close() {
	s.faults.Replace(fault.Plan{})
	s.scheduler.close()
	s.sender.close()
}
