package cli

import (
	"context"
	"flag"
	"fmt"
)

// setUpOrders closes the unpaid orders of a product.
func setUpOrders(flags *flag.FlagSet) task {
	product := flags.String("close", "", "the product whose unpaid orders are closed; a payment that comes later is a problem, ORDER_CLOSED")
	reason := flags.String("reason", "", "why; it is kept")
	return task{
		check: func() error { return checkForm(flags, form{flag: "close", needs: []string{"reason"}}) },
		run: func(ctx context.Context, r resources) error {
			actor, err := r.commandActor("")
			if err != nil {
				return err
			}
			closing, err := r.services.Charges.CloseOrders(ctx, actor, *product, *reason)
			if err == nil {
				_, err = fmt.Fprintf(r.stdout, "closed %s of %s\n", formatCount(closing.Orders, "order", "orders"), closing.ProductID)
			}
			return err
		},
	}
}
