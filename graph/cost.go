package graph

import "pointcharge/internal/gqlguard"

// fieldCosts are the costs of our schema's fields. A statement takes about as long as five fields
// that need none in the worst case that Limits.Cost counts, and as 25 in an ordinary answer. The
// expensive look-ups of an order search by more than an id. A checkout is read from nowhere, but it
// is long, so it counts among the look-ups. A list counts as long as the domain lets it become.
// Twenty lots with everything that explains them cost about 9,400.
func fieldCosts() gqlguard.Costs {
	return gqlguard.Costs{
		Object:          5,
		ExpensiveFields: map[string]int{"Checkout.naverProducts": 1, "ChargeOrder.checkout": 2, "ChargeOrder.transaction": 8, "ChargeOrder.virtualAccount": 12},
		ListLength:      50,
		Lookup:          20,
	}
}
