package iamport

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	"pointcharge/internal/charge"
)

// PaymentList reads a page of the payments that were paid or cancelled in a period, including test
// channels' payments, regardless of IncludeSandbox (contract §1.5). Untrustworthy payments are
// named in the page's Unreadable. A page is larger than other answers, so each try may take
// Config.Timeout. The error is INVALID_ARGUMENT, before any call, or GATEWAY_UNAVAILABLE.
func (c *Client) PaymentList(ctx context.Context, l charge.Listing) (charge.PaymentPage, error) {
	if l.Status != charge.Paid && l.Status != charge.Cancelled || l.Page < 1 || l.From.After(l.To) {
		return charge.PaymentPage{}, invalid("A list is of paid or cancelled payments, from a time to a later one.")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, maxTries*c.timeout, errNoAnswer)
	defer cancel()
	query := url.Values{
		"from":    {strconv.FormatInt(l.From.Unix(), 10)},
		"to":      {strconv.FormatInt(l.To.Unix(), 10)},
		"page":    {strconv.Itoa(l.Page)},
		"limit":   {strconv.Itoa(c.pageSize)},
		"sorting": {"paid"}, // the only key that never changes
	}
	question := getCall("/payments/status/" + string(l.Status) + "?" + query.Encode())
	question.large = true
	response, err := c.callWithToken(ctx, question)
	if isNotFound(err) || l.Page > 1 && isGone(err) {
		return charge.PaymentPage{}, nil
	}
	if err != nil {
		return charge.PaymentPage{}, unavailable("list payments", err)
	}
	page, err := decodeList(response, l.Page)
	if err != nil {
		return charge.PaymentPage{}, unavailable("list payments", err)
	}
	return page, nil
}

// decodeList reads page number of a list, and refuses a list without an end.
func decodeList(response json.RawMessage, number int) (charge.PaymentPage, error) {
	p, next, err := openPage(response)
	if err != nil {
		return charge.PaymentPage{}, err
	}
	if next != 0 && next != int64(number)+1 {
		return charge.PaymentPage{}, untrustworthy("a list whose pages do not follow each other")
	}
	total, err := parseScaled(p.Total, 0)
	if err != nil {
		return charge.PaymentPage{}, err
	}
	page := charge.PaymentPage{Total: total, Next: int(next)}
	for _, raw := range p.List {
		payment, err := decodePayment(raw)
		if err != nil {
			page.Unreadable = append(page.Unreadable, charge.Unreadable{ImpUID: readImpUID(raw), Why: err.Error()})
			continue
		}
		page.Payments = append(page.Payments, payment)
	}
	return page, nil
}

// readImpUID returns the imp_uid in a malformed payment object, or an empty text.
func readImpUID(raw json.RawMessage) string {
	var p struct {
		ImpUID json.RawMessage `json:"imp_uid"`
	}
	var id string
	if json.Unmarshal(raw, &p) != nil || json.Unmarshal(p.ImpUID, &id) != nil || checkID("imp_uid", id, maxImpUID) != nil {
		return ""
	}
	return id
}
