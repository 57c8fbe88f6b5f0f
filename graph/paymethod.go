package graph

import (
	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
)

// PayMethods returns all ways to pay, in the order of the schema.
func PayMethods() []charge.PayMethod {
	return []charge.PayMethod{charge.PayByCard, charge.PayByBankTransfer, charge.PayByVirtualAccount, charge.PayByPhone,
		charge.PayByKakaoPay, charge.PayByNaverPay, charge.PayByTossPay, charge.PayByPayco}
}

// Channels are the payment channels (채널 키) of the ways to pay that the shop takes. Without any,
// the shop takes all ways, through the channel of Resolver.Shop.
type Channels map[charge.PayMethod]string

// methods returns the ways to pay that the shop takes.
func (c Channels) methods() []charge.PayMethod {
	taken := []charge.PayMethod{}
	for _, method := range PayMethods() {
		if c.takes(method) {
			taken = append(taken, method)
		}
	}
	return taken
}

func (c Channels) takes(method charge.PayMethod) bool {
	_, ok := c[method]
	return ok || len(c) == 0
}

// check refuses a way to pay that the shop does not take: its payment window would not open.
func (c Channels) check(method charge.PayMethod) error {
	if c.takes(method) {
		return nil
	}
	return apierror.New(apierror.InvalidArgument, "The shop does not take %s; payMethods lists the ways to pay.", method)
}
