package sandbox

import (
	"sync"

	"pointcharge/internal/sandbox/fault"
)

// tell sends the notice to its addresses, or what a fault makes of it. Before says that somebody waits at the
// payment window, whose answer can be held until the webhook was answered.
func (s *Sandbox) tell(r *record, n notice, to []string, before bool) {
	f := s.faults.Draw(fault.OnWebhook, r.identity()+" "+n.Status, func(f fault.Rule) bool {
		return len(to) > 0 && (f.Name != fault.WebhookFirst || before)
	})
	switch f.Name {
	case fault.WebhookNever:
		return
	case fault.WebhookFirst:
		s.tellNow(n, to)
		return
	case fault.WebhookLate:
		if s.agenda.later(lateWebhook, func() { s.send(n, to) }) {
			return
		}
	case fault.WebhookTwice:
		s.send(n, to)
	case fault.WebhookForged:
		for _, lie := range s.lies(n) {
			s.send(lie, to)
		}
	case fault.WebhookForm:
		n.form = true
	}
	s.send(n, to)
}

func (s *Sandbox) send(n notice, to []string) {
	for _, address := range to {
		s.courier.send(address, n)
	}
}

// tellNow returns when every address was told, or cannot be.
func (s *Sandbox) tellNow(n notice, to []string) {
	var told sync.WaitGroup
	for _, address := range to {
		told.Go(func() { s.courier.sendNow(address, n) })
	}
	told.Wait()
}

// lies are notices that anybody could send: a webhook has no signature.
func (s *Sandbox) lies(n notice) []notice {
	status, order, payment := n, n, n
	status.Status = Cancelled
	if n.Status == Cancelled {
		status.Status = Paid
	}
	order.MerchantUID = "forged-" + digits(12)
	payment.ImpUID = s.store.stranger(n.ImpUID)
	return []notice{status, order, payment}
}
