package iamport

import (
	"context"
	"encoding/json"
	"net/url"
	"time"
	"unicode/utf8"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
)

type accountRequest struct {
	ChannelKey  string      `json:"channel_key"`
	MerchantUID string      `json:"merchant_uid"`
	Amount      json.Number `json:"amount"`
	Bank        string      `json:"vbank_code"`
	Due         int64       `json:"vbank_due"` // UNIX seconds
	Holder      string      `json:"vbank_holder"`
	Name        string      `json:"name,omitempty"`
	NoticeURL   []string    `json:"notice_url,omitempty"`
}

// IssueVirtualAccount makes a bank account for one payment and returns the payment, which is ready
// (contract §1.8). The error is INVALID_ARGUMENT before any call, or when Iamport refused: in both
// cases there is no account. After GATEWAY_UNAVAILABLE the outcome is unknown: list the order's
// payments before trying again. The client never retries the call, because every POST makes another
// account.
func (c *Client) IssueVirtualAccount(ctx context.Context, order charge.AccountOrder) (charge.Payment, error) {
	request, err := c.accountRequest(order)
	if err != nil {
		return charge.Payment{}, err
	}
	ctx, stop := c.withTimeout(ctx)
	defer stop()
	response, err := c.callWithToken(ctx, postCall(c.issuePath(), request))
	if isRejected(err) {
		return charge.Payment{}, newRejected(apierror.InvalidArgument, "The payment gateway refused to issue this account.", "issue account", err)
	}
	if err != nil {
		return charge.Payment{}, newUnavailable("issue account", err)
	}
	payment, err := decodePayment(response)
	if err == nil && !accountFits(payment, order) {
		err = newUntrustworthy("an account for something else than what was asked for")
	}
	if err != nil {
		return charge.Payment{}, newUnavailable("issue account", err)
	}
	return payment, nil
}

// issuePath puts the key of KG Inicis into the query, as Iamport demands (contract §1.8). No log
// line contains a call's path.
func (c *Client) issuePath() string {
	if c.pgAPIKey == "" {
		return "/vbanks"
	}
	return "/vbanks?" + url.Values{"pg_api_key": {c.pgAPIKey}}.Encode()
}

// accountFits tells whether the payment is an account for the given order. After a slow answer the
// payment may be paid already.
func accountFits(p charge.Payment, order charge.AccountOrder) bool {
	return p.MerchantUID == order.MerchantUID && p.Amount == order.Amount && p.Currency == order.Currency &&
		p.VirtualAccount.Number != ""
}

// accountRequest refuses orders that Iamport would refuse or misread.
func (c *Client) accountRequest(order charge.AccountOrder) (accountRequest, error) {
	if err := checkID("merchantUid", order.MerchantUID, maxMerchantUID); err != nil {
		return accountRequest{}, err
	}
	m, err := moneyIn(order.Currency)
	if err != nil || order.Amount <= 0 {
		return accountRequest{}, newInvalid("A payment needs an amount above zero in a known currency.")
	}
	if order.Bank == "" || utf8.RuneCountInString(order.Holder) > 16 || order.DepositBy.Unix() <= 0 {
		return accountRequest{}, newInvalid("An account needs a bank, a holder of at most 16 characters and a deadline.")
	}
	request := accountRequest{
		ChannelKey: c.channelKey, MerchantUID: order.MerchantUID, Amount: m.toMajorUnit(order.Amount), Bank: order.Bank,
		Due: order.DepositBy.Unix(), Holder: order.Holder, Name: order.Name,
	}
	if c.noticeURL != "" {
		request.NoticeURL = []string{c.noticeURL}
	}
	return request, nil
}

// RevokeVirtualAccount stops a ready payment's account from taking deposits, and returns the
// updated payment (contract §1.8). The error is INVALID_ARGUMENT before any call, or when Iamport
// refused: the deposit came first, the account was revoked before, or the provider cannot revoke.
// After GATEWAY_UNAVAILABLE the outcome is unknown: read the payment. The client does not retry the
// call.
func (c *Client) RevokeVirtualAccount(ctx context.Context, impUID string) (charge.Payment, error) {
	if err := checkID("impUid", impUID, maxImpUID); err != nil {
		return charge.Payment{}, err
	}
	ctx, stop := c.withTimeout(ctx)
	defer stop()
	response, err := c.callWithToken(ctx, deleteCall("/vbanks/"+url.PathEscape(impUID)))
	if isRejected(err) || isNotFound(err) {
		return charge.Payment{}, newRejected(apierror.InvalidArgument, "The payment gateway refused to revoke this account.", "revoke account", err)
	}
	if err != nil {
		return charge.Payment{}, newUnavailable("revoke account", err)
	}
	payment, err := decodePaymentOf(impUID, response)
	if err != nil {
		return charge.Payment{}, newUnavailable("revoke account", err)
	}
	return payment, nil
}

type depositJSON struct {
	Amount json.Number `json:"amount"`
	At     json.Number `json:"deposited_at"`
}

// toDeposit reads an entry of deposit_history (contract §1.4).
func (m money) toDeposit(d depositJSON) (charge.Deposit, error) {
	amount, err := m.toMinorUnit(d.Amount)
	if err != nil {
		return charge.Deposit{}, err
	}
	at, err := parseTime(d.At)
	if err != nil {
		return charge.Deposit{}, err
	}
	if at == nil {
		at = new(time.Time)
	}
	return charge.Deposit{Amount: amount, At: *at}, nil
}
