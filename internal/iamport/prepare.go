package iamport

import (
	"context"
	"encoding/json"

	"pointcharge/internal/apierror"
)

// preparation is the body of POST /payments/prepare. Without a currency Iamport would check the
// number alone, and 10 won would do for 10 dollars (F24).
type preparation struct {
	MerchantUID string      `json:"merchant_uid"`
	Amount      json.Number `json:"amount"`
	Currency    string      `json:"currency"`
}

// Prepare registers the price of merchantUID, so that the payment window refuses any other amount
// (contract §1.7). amount is in the currency's minor unit: won for KRW. Errors: INVALID_ARGUMENT,
// before any call, for an impossible merchant_uid, amount or currency; otherwise
// GATEWAY_UNAVAILABLE, also when Iamport refused (charge.ReasonGatewayRefused). Prepare is not
// retried: the answer to a second POST is not documented.
func (c *Client) Prepare(ctx context.Context, merchantUID string, amount int64, currency string) error {
	if err := checkID("merchantUid", merchantUID, maxMerchantUID); err != nil {
		return err
	}
	m, err := moneyIn(currency)
	if err != nil || amount <= 0 {
		return newInvalid("A payment needs an amount above zero in a known currency.")
	}
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	response, err := c.callWithToken(ctx, postCall("/payments/prepare", preparation{merchantUID, m.toMajorUnit(amount), m.currency}))
	if isRejected(err) {
		return newRejected(apierror.GatewayUnavailable, "The payment gateway refused this order. Ask the shop.", "prepare", err)
	}
	if err != nil {
		return newUnavailable("prepare", err)
	}
	var prepared preparation
	if json.Unmarshal(response, &prepared) != nil || prepared.MerchantUID != merchantUID {
		return newUnavailable("prepare", newUntrustworthy("another order was prepared"))
	}
	return nil
}
