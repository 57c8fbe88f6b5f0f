package cli

import (
	"context"
	"fmt"
)

// runSync makes the books agree with Iamport about one payment, and prints it.
func runSync(ctx context.Context, r resources) error {
	payment, err := r.points.Sync(ctx, r.operands[0])
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.stdout, "payment %s of order %s: %s, %d %s, cancelled %d, problem %q\n", payment.ImpUID,
		payment.MerchantUID, payment.Status, payment.Amount, payment.Currency, payment.CancelledAmount, payment.Problem)
	return err
}
