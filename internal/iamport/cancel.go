package iamport

import (
	"context"
	"encoding/json"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
)

type cancellationRequest struct {
	ImpUID        string      `json:"imp_uid"`
	Amount        json.Number `json:"amount"`
	Checksum      json.Number `json:"checksum"`
	Reason        string      `json:"reason,omitempty"`
	RefundHolder  string      `json:"refund_holder,omitempty"`
	RefundBank    string      `json:"refund_bank,omitempty"`
	RefundAccount string      `json:"refund_account,omitempty"`
	RefundTel     string      `json:"refund_tel,omitempty"`
	EnableWebhook bool        `json:"enable_webhook,omitempty"`
}

// Cancel gives money back and returns the payment afterwards. A payment without a new entry in
// Cancellations is still pending at the provider (contract §1.6).
//
// Errors: INVALID_ARGUMENT before any call, or REFUND_NOT_POSSIBLE with a charge.GatewayRefusal
// when Iamport refused: in both cases nothing happened. The same is true of GATEWAY_UNAVAILABLE
// with charge.ErrNotSent. After any other GATEWAY_UNAVAILABLE the fate of the refund is unknown:
// read the payment before trying again. The client never retries Cancel.
func (c *Client) Cancel(ctx context.Context, cancel charge.Cancel) (charge.Payment, error) {
	request, err := cancelRequest(cancel)
	if err != nil {
		return charge.Payment{}, err
	}
	ctx, stop := c.withTimeout(ctx)
	defer stop()
	response, err := c.callWithToken(ctx, postCall("/payments/cancel", request))
	if isRejected(err) {
		return charge.Payment{}, newRejected(apierror.RefundNotPossible, "The payment provider refused the refund. Ask the shop.", "cancel", err)
	}
	if err != nil {
		return charge.Payment{}, newUnavailable("cancel", err)
	}
	payment, err := decodePaymentOf(cancel.ImpUID, response)
	if err != nil {
		return charge.Payment{}, newUnavailable("cancel", err)
	}
	return payment, nil
}

// cancelRequest refuses input that Iamport would misread: to Iamport an amount of 0, or none, is a
// full refund (contract §0.7, F19).
func cancelRequest(cancel charge.Cancel) (cancellationRequest, error) {
	if err := checkID("impUid", cancel.ImpUID, maxImpUID); err != nil {
		return cancellationRequest{}, err
	}
	m, err := moneyIn(cancel.Currency)
	if err != nil || cancel.Amount <= 0 || cancel.Checksum < cancel.Amount {
		return cancellationRequest{}, newInvalid("A refund needs an amount above zero, and no more than is left.")
	}
	request := cancellationRequest{
		ImpUID:        cancel.ImpUID,
		Amount:        m.toMajorUnit(cancel.Amount),
		Checksum:      m.toMajorUnit(cancel.Checksum),
		Reason:        cancel.Reason,
		EnableWebhook: cancel.Notify,
	}
	if account := cancel.Account; account != nil {
		request.RefundHolder, request.RefundBank = account.Holder, account.Bank
		request.RefundAccount, request.RefundTel = account.Number, account.Phone
	}
	return request, nil
}
