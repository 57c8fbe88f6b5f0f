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

// Cancel gives money back and returns the payment as it is afterwards; a payment without a new
// entry in Cancellations is still pending at the provider (contract §1.6). It fails with
// INVALID_ARGUMENT before any call, and with REFUND_NOT_POSSIBLE and a charge.GatewayRefusal when
// Iamport refused: in both cases nothing happened, nor after GATEWAY_UNAVAILABLE with
// charge.ErrNotSent. After any other GATEWAY_UNAVAILABLE the fate of the refund is unknown: read
// the payment before trying again. It is never retried here.
func (c *Client) Cancel(ctx context.Context, cancel charge.Cancel) (charge.Payment, error) {
	request, err := cancelRequest(cancel)
	if err != nil {
		return charge.Payment{}, err
	}
	ctx, stop := c.withTimeout(ctx)
	defer stop()
	response, err := c.callWithToken(ctx, postCall("/payments/cancel", request))
	if isRejected(err) {
		return charge.Payment{}, rejected(apierror.RefundNotPossible, "The payment provider refused the refund. Ask the shop.", "cancel", err)
	}
	if err != nil {
		return charge.Payment{}, unavailable("cancel", err)
	}
	payment, err := decodePaymentOf(cancel.ImpUID, response)
	if err != nil {
		return charge.Payment{}, unavailable("cancel", err)
	}
	return payment, nil
}

// cancelRequest refuses what Iamport would misread: an amount of 0 is a full refund there, and so
// is a forgotten one (contract §0.7, F19).
func cancelRequest(cancel charge.Cancel) (cancellationRequest, error) {
	if err := checkID("impUid", cancel.ImpUID, maxImpUID); err != nil {
		return cancellationRequest{}, err
	}
	m, err := moneyIn(cancel.Currency)
	if err != nil || cancel.Amount <= 0 || cancel.Checksum < cancel.Amount {
		return cancellationRequest{}, invalid("A refund needs an amount above zero, and no more than is left.")
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
