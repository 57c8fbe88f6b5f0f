package graph

import "pointcharge/internal/gqlguard"

// fieldCosts are the costs of our schema's fields. A checkout is read from nowhere, but it is
// long, so it counts among the look-ups. A list counts as long as the domain lets it become.
func fieldCosts() gqlguard.Costs {
	return gqlguard.Costs{
		Object:          3,
		ExpensiveFields: map[string]int{"Checkout.naverProducts": 1, "ChargeOrder.checkout": 2},
		Batched: map[string]bool{
			"ChargeOrder.product": true, "ChargeOrder.transaction": true, "ChargeOrder.virtualAccount": true,
			"PointLot.transaction": true, "PointLotEdge.uses": true, "PointLotUse.transaction": true, "PointSource.lot": true,
			"PointTransaction.order": true, "PointTransaction.reverses": true, "PointTransaction.sources": true,
		},
		ListLength: 50,
		Lookup:     20,
	}
}
