package web

import (
	"context"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
)

// syncPayment looks the notice's payment up at the gateway and merges it into the books. A notice
// about an unknown order is refused with NOT_FOUND and asks the gateway nothing. A burst of the
// same notice asks the gateway once. Only exactly the same notice may share a look-up: what another
// one reports may be younger than the look-up in flight. syncPayment returns within Timeout,
// whatever the database and the gateway do.
func (s *Server) syncPayment(ctx context.Context, n notice) (charge.Payment, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	leave, err := s.lookups.enter(n)
	if err != nil {
		return charge.Payment{}, err
	}
	defer leave()
	owner, err := s.lookups.owner(ctx, n)
	if err != nil {
		return charge.Payment{}, err
	}
	stopWaiting, err := s.lookups.wait(owner)
	if err != nil {
		return charge.Payment{}, err
	}
	defer stopWaiting()
	shared := context.WithoutCancel(ctx) // one caller that hangs up must not end the others' look-up
	done := s.syncs.DoChan(n.key(), func() (result any, err error) {
		ctx, cancel := context.WithTimeout(shared, s.cfg.Timeout)
		defer cancel()
		err = apierror.RecoverPanic(func() error { // a panic on this goroutine would end the process
			release, err := s.lookups.acquire(ctx, n, owner)
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
