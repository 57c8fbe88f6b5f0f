package cli

import (
	"context"
	"fmt"

	"pointcharge/internal/server"
)

// runSweep sweeps all orders that are due. It prints how many also when some of them failed.
func runSweep(ctx context.Context, r resources) error {
	orders, err := server.RunBatches(ctx, r.services.Charges.Sweep)
	fmt.Fprintf(r.stdout, "looked at %s\n", plural(orders, "order", "orders"))
	return err
}
