package web

import (
	"context"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
)

// syncPayment looks up the notice's payment at the gateway and merges the payment into the books. A
// notice about an unknown order is refused with NOT_FOUND, without a request to the gateway. A
// burst of identical notices makes one request. Only identical notices may share a look-up: another
// notice may report an event younger than the look-up in flight. syncPayment returns within
// Timeout, also when the database or the gateway hangs.
func (s *Server) syncPayment(ctx context.Context, n notice) (charge.Payment, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	leave, err := s.lookups.admitNotice(n)
	if err != nil {
		return charge.Payment{}, err
	}
	defer leave()
	owner, err := s.lookups.readOwner(ctx, n)
	if err != nil {
		return charge.Payment{}, err
	}
	stopWaiting, err := s.lookups.enterQueue(owner)
	if err != nil {
		return charge.Payment{}, err
	}
	defer stopWaiting()
	// The look-up is shared: a caller's hang-up must not end the look-up of other callers.
	shared := context.WithoutCancel(ctx)
	done := s.syncs.DoChan(n.key(), func() (result any, err error) {
		ctx, cancel := context.WithTimeout(shared, s.cfg.Timeout)
		defer cancel()
		// A panic on this goroutine would end the process.
		err = apierror.RecoverPanic(func() error {
			release, err := s.lookups.acquireLookup(ctx, n, owner)
			if err != nil {
				return err
			}
			defer release()
			payment, err := s.cfg.Charges.Sync(ctx, n.actor(), n.ImpUID)
			if err == nil {
				s.syncedLog.Sample(n.logTo(s.cfg.Log)).Info("notice synced", "payment", payment.Status, "problem", payment.Problem)
			}
			result = payment
			return err
		})
		return result, err
	})
	select {
	case <-ctx.Done():
		s.abandoned.Go(func() { <-done })
		return charge.Payment{}, ctx.Err()
	case result := <-done:
		payment, _ := result.Val.(charge.Payment)
		return payment, result.Err
	}
}
