package iamport

import (
	"context"
	"encoding/json"

	"pointcharge/internal/point"
)

// Cancel (결제취소) asks to give money back for a payment.
type Cancel struct {
	ImpUID   string
	Currency string // of the payment; ISO 4217
	Amount   int64  // to give back now, in the currency's minor unit; above zero
	// Checksum is what we believe could still be given back before this, in the same unit. If
	// Iamport believes otherwise it refuses, so no refund happens twice (contract §1.6).
	Checksum int64
	Reason   string // at most 256 characters; shown in Iamport's console

	// The account that a virtual account's deposit is paid back to (환불계좌). RefundBank is the
	// payment provider's own code of the bank.
	RefundHolder, RefundBank, RefundAccount, RefundTel string

	// EnableWebhook asks for the webhook that a cancellation by API does not cause by itself
	// (contract §0.6).
	EnableWebhook bool
}

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
// INVALID_ARGUMENT before any call, and with REFUND_NOT_POSSIBLE when Iamport refused: in both
// cases nothing happened. After GATEWAY_UNAVAILABLE nobody knows: read the payment before trying
// again. It is never retried here.
func (c *Client) Cancel(ctx context.Context, cancel Cancel) (point.Payment, error) {
	request, err := cancel.request()
	if err != nil {
		return point.Payment{}, err
	}
	ctx, stop := c.bounded(ctx)
	defer stop()
	response, err := c.do(ctx, post("/payments/cancel", request))
	if isDeclined(err) {
		return point.Payment{}, declined(err)
	}
	if err != nil {
		return point.Payment{}, unavailable("cancel", err)
	}
	payment, err := decodePaymentOf(cancel.ImpUID, response)
	if err != nil {
		return point.Payment{}, unavailable("cancel", err)
	}
	return payment, nil
}

// request refuses what Iamport would misread: an amount of 0 is a full refund there, and so is a
// forgotten one (contract §0.7, F19).
func (cancel Cancel) request() (cancellationRequest, error) {
	if err := checkID("impUid", cancel.ImpUID, maxImpUID); err != nil {
		return cancellationRequest{}, err
	}
	m, err := moneyIn(cancel.Currency)
	if err != nil || cancel.Amount <= 0 || cancel.Checksum < cancel.Amount {
		return cancellationRequest{}, invalid("A refund needs an amount above zero, and no more than is left.")
	}
	return cancellationRequest{
		ImpUID:        cancel.ImpUID,
		Amount:        m.major(cancel.Amount),
		Checksum:      m.major(cancel.Checksum),
		Reason:        cancel.Reason,
		RefundHolder:  cancel.RefundHolder,
		RefundBank:    cancel.RefundBank,
		RefundAccount: cancel.RefundAccount,
		RefundTel:     cancel.RefundTel,
		EnableWebhook: cancel.EnableWebhook,
	}, nil
}
