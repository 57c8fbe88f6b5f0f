package cli

import (
	"context"
	"fmt"

	"pointcharge/internal/server"
)

// runSweep sweeps all due orders. The number of orders is printed also when some orders failed.
func runSweep(ctx context.Context, r resources) error {
	orders, err := server.RunBatches(ctx, r.services.Charges.Sweep)
	fmt.Fprintf(r.stdout, "looked at %s\n", formatCount(orders, "order", "orders"))
	return err
}
