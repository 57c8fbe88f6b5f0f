package sandbox

import (
	"sync"

	"pointcharge/internal/sandbox/fault"
)

// sendWithFaults sends the notice to all addresses, changed by at most one fault. windowWaits is
// set when the payment window waits, so that the window's answer can be held until the webhook is
// answered.
func (s *Sandbox) sendWithFaults(r *record, n notice, to []string, windowWaits bool) {
	applies := func(rule fault.Rule) bool {
		return len(to) > 0 && (rule.Name != fault.WebhookFirst || windowWaits)
	}
	switch s.faults.Draw(fault.OnWebhook, r.stableIdentity()+" "+n.Status, applies).Name {
	case fault.WebhookNever:
		return
	case fault.WebhookFirst:
		s.sendAllNow(n, to)
		return
	case fault.WebhookLate:
		if s.scheduler.scheduleTask(webhookDelay, func() { s.sendAll(n, to) }) {
			return
		}
	case fault.WebhookTwice:
		s.sendAll(n, to)
	case fault.WebhookForged:
		for _, forged := range s.forgedNotices(n) {
			s.sendAll(forged, to)
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

// sendAllNow returns when every address has answered, or the delivery has failed.
func (s *Sandbox) sendAllNow(n notice, to []string) {
	var deliveries sync.WaitGroup
	for _, address := range to {
		deliveries.Go(func() { s.sender.sendNow(address, n) })
	}
	deliveries.Wait()
}

// forgedNotices returns notices with a false status, merchant_uid and imp_uid. Any sender can
// produce them, because a webhook has no signature.
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
