package sandbox

import (
	"sync"

	"pointcharge/internal/sandbox/fault"
)

// sendWithFaults sends the notice to its addresses, or what a fault makes of it. Before says that somebody waits at the
// payment window, whose answer can be held until the webhook was answered.
func (s *Sandbox) sendWithFaults(r *record, n notice, to []string, before bool) {
	f := s.faults.Draw(fault.OnWebhook, r.identity()+" "+n.Status, func(f fault.Rule) bool {
		return len(to) > 0 && (f.Name != fault.WebhookFirst || before)
	})
	switch f.Name {
	case fault.WebhookNever:
		return
	case fault.WebhookFirst:
		s.sendAllNow(n, to)
		return
	case fault.WebhookLate:
		if s.scheduler.schedule(webhookDelay, func() { s.sendAll(n, to) }) {
			return
		}
	case fault.WebhookTwice:
		s.sendAll(n, to)
	case fault.WebhookForged:
		for _, lie := range s.forgedNotices(n) {
			s.sendAll(lie, to)
		}
	case fault.WebhookForm:
		n.form = true
	}
	s.sendAll(n, to)
}

func (s *Sandbox) sendAll(n notice, to []string) {
	for _, address := range to {
		s.sender.startSend(address, n)
	}
}

// sendAllNow returns when every address was told, or cannot be.
func (s *Sandbox) sendAllNow(n notice, to []string) {
	var told sync.WaitGroup
	for _, address := range to {
		told.Go(func() { s.sender.sendNow(address, n) })
	}
	told.Wait()
}

// forgedNotices are notices that anybody could send: a webhook has no signature.
func (s *Sandbox) forgedNotices(n notice) []notice {
	status, order, payment := n, n, n
	status.Status = Cancelled
	if n.Status == Cancelled {
		status.Status = Paid
	}
	order.MerchantUID = "forged-" + randomDigits(12)
	payment.ImpUID = s.store.otherPayment(n.ImpUID)
	return []notice{status, order, payment}
}
