package iamport

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"pointcharge/internal/charge"
)

// PaymentList reads a page of the payments that were paid or cancelled in a period, payments of
// test channels included, also without IncludeSandbox (contract §1.5). Untrustworthy payments are
// named among the page's Unreadable. A page is larger than other answers, so each try may take
// Config.Timeout; a page that is too large is read in halves. Errors: INVALID_ARGUMENT before any
// call, and GATEWAY_UNAVAILABLE.
func (c *Client) PaymentList(ctx context.Context, l charge.Listing) (charge.PaymentPage, error) {
	if l.Status != charge.Paid && l.Status != charge.Cancelled || l.Page < 1 || l.From.After(l.To) {
		return charge.PaymentPage{}, newInvalid("A list is of paid or cancelled payments, from a time to a later one.")
	}
	page, err := c.listPage(ctx, l, c.pageSize)
	if err != nil {
		return charge.PaymentPage{}, newUnavailable("list payments", err)
	}
	return page, nil
}

// listPage reads a page of size payments, in halves if the answer is too large. A single payment
// that is too large is among the page's Unreadable, and hides no other payment.
func (c *Client) listPage(ctx context.Context, l charge.Listing, size int) (charge.PaymentPage, error) {
	page, err := c.requestPage(ctx, l, size)
	if !errors.Is(err, errTooLarge) {
		return page, err
	}
	if size == 1 {
		// The lost answer had the total and the next page. Other pages have both, too.
		return charge.PaymentPage{Unreadable: []charge.Unreadable{{Why: err.Error()}}, Total: int64(l.Page), Next: l.Page + 1}, nil
	}
	if size%2 != 0 {
		return c.listSingly(ctx, l, size)
	}
	return c.joinPages(ctx, l, size/2, 2)
}

// listSingly reads a page of an odd size one payment at a time.
func (c *Client) listSingly(ctx context.Context, l charge.Listing, size int) (charge.PaymentPage, error) {
	return c.joinPages(ctx, l, 1, size)
}

// joinPages reads so many smaller pages in the place of one.
func (c *Client) joinPages(ctx context.Context, l charge.Listing, size, count int) (joined charge.PaymentPage, err error) {
	part := l
	first := (l.Page-1)*count + 1
	for part.Page = first; part.Page < first+count; part.Page++ {
		page, err := c.listPage(ctx, part, size)
		if err != nil {
			return charge.PaymentPage{}, err
		}
		joined.Payments = append(joined.Payments, page.Payments...)
		joined.Unreadable = append(joined.Unreadable, page.Unreadable...)
		// The larger total of a changing list counts: with the smaller total, a page with a missed
		// payment would look whole.
		joined.Total = max(joined.Total, page.Total)
		if page.Next == 0 {
			return joined, nil
		}
	}
	joined.Next = l.Page + 1
	return joined, nil
}

func (c *Client) requestPage(ctx context.Context, l charge.Listing, size int) (charge.PaymentPage, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, maxTries*c.timeout, errNoAnswer)
	defer cancel()
	query := url.Values{
		"from":    {strconv.FormatInt(l.From.Unix(), 10)},
		"to":      {strconv.FormatInt(l.To.Unix(), 10)},
		"page":    {strconv.Itoa(l.Page)},
		"limit":   {strconv.Itoa(size)},
		"sorting": {"paid"}, // the only key that never changes again
	}
	question := getCall("/payments/status/" + string(l.Status) + "?" + query.Encode())
	question.large = true
	response, err := c.callWithToken(ctx, question)
	if isNotFound(err) || l.Page > 1 && isGone(err) {
		return charge.PaymentPage{}, nil
	}
	if err != nil {
		return charge.PaymentPage{}, err
	}
	return decodeList(response, l.Page)
}

// decodeList reads page number of a list, and refuses a list without an end.
func decodeList(response json.RawMessage, number int) (charge.PaymentPage, error) {
	p, next, err := openPage(response)
	if err != nil {
		return charge.PaymentPage{}, err
	}
	if next != 0 && next != int64(number)+1 {
		return charge.PaymentPage{}, newUntrustworthy("a list whose pages do not follow each other")
	}
	total, err := parseScaled(p.Total, 0)
	if err != nil {
		return charge.PaymentPage{}, err
	}
	page := charge.PaymentPage{Total: total, Next: int(next)}
	for _, raw := range p.List {
		payment, err := decodePayment(raw)
		if err != nil {
			impUID, merchantUID := idsIn(raw)
			page.Unreadable = append(page.Unreadable, charge.Unreadable{ImpUID: impUID, MerchantUID: merchantUID, Why: err.Error()})
			continue
		}
		page.Payments = append(page.Payments, payment)
	}
	return page, nil
}

// idsIn returns the imp_uid and the merchant_uid of a malformed payment object. A missing or
// malformed id is empty.
func idsIn(raw json.RawMessage) (impUID, merchantUID string) {
	var p struct {
		ImpUID      json.RawMessage `json:"imp_uid"`
		MerchantUID json.RawMessage `json:"merchant_uid"`
	}
	if json.Unmarshal(raw, &p) != nil || json.Unmarshal(p.ImpUID, &impUID) != nil || checkID("imp_uid", impUID, maxImpUID) != nil {
		impUID = ""
	}
	if json.Unmarshal(p.MerchantUID, &merchantUID) != nil || strings.ContainsRune(merchantUID, 0) {
		merchantUID = ""
	}
	return impUID, merchantUID
}
