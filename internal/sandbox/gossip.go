package sandbox

import (
	"sync"
)

// tell sends the notice to its addresses, or what a fault makes of it. Before says that somebody waits at the
// payment window, whose answer can be held until the webhook was answered.
func (s *Sandbox) tell(r *record, n notice, to []string, before bool) {
	f := s.faults.draw(aWebhook, r.identity()+" "+n.Status, func(f Fault) bool {
		return len(to) > 0 && (f.Name != FaultWebhookFirst || before)
	})
	switch f.name {
	case FaultWebhookNever:
		return
	case FaultWebhookFirst:
		s.tellNow(n, to)
		return
	case FaultWebhookLate:
		if s.agenda.later(lateWebhook, func() { s.send(n, to) }) {
			return
		}
	case FaultWebhookTwice:
		s.send(n, to)
	case FaultWebhookForged:
		for _, lie := range s.lies(n) {
			s.send(lie, to)
		}
	case FaultWebhookForm:
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
