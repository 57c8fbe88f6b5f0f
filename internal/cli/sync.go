package cli

import (
	"context"
	"fmt"
)

// runSync makes the books agree with Iamport about one payment, and prints the payment.
func runSync(ctx context.Context, r resources) error {
	actor, err := r.commandActor("")
	if err != nil {
		return err
	}
	payment, err := r.services.Charges.Sync(ctx, actor, r.operands[0])
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.stdout, "payment %s of order %s: %s, %d %s, cancelled %d, problem %q\n", payment.ImpUID,
		payment.MerchantUID, payment.Status, payment.Amount, payment.Currency, payment.CancelledAmount, payment.Problem)
	return err
}
