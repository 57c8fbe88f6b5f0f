package graph

import "pointcharge/internal/charge"

// Channels are the payment channels (채널 키) of single ways to pay. A way without one uses the
// channel of Resolver.Shop. Which ways the shop takes is the domain's to say:
// charge.Service.PayMethods.
type Channels map[charge.PayMethod]string
