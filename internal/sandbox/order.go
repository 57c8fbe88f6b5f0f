package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"unicode/utf8"
)

const (
	maxNotices     = 10 // notice_url of one request_pay
	maxCustomerUID = 80 // characters (contract §1.9)
)

// order is the argument of IMP.request_pay (contract §4), supplied by the browser alone. The
// sandbox ignores unused fields.
type order struct {
	PG            string          `json:"pg"`
	ChannelKey    string          `json:"channelKey"`
	PayMethod     Text            `json:"pay_method"`
	MerchantUID   string          `json:"merchant_uid"`
	Name          Text            `json:"name"`
	Amount        json.RawMessage `json:"amount"`
	Currency      string          `json:"currency"`
	CustomData    json.RawMessage `json:"custom_data"`
	NoticeURL     addresses       `json:"notice_url"`
	MRedirectURL  string          `json:"m_redirect_url"`
	CustomerUID   Text            `json:"customer_uid"`
	Escrow        bool            `json:"escrow"`
	BuyerName     Text            `json:"buyer_name"`
	BuyerEmail    Text            `json:"buyer_email"`
	BuyerTel      Text            `json:"buyer_tel"`
	BuyerAddr     Text            `json:"buyer_addr"`
	BuyerPostcode Text            `json:"buyer_postcode"`
}

// addresses is notice_url: one address or several.
type addresses []string

// UnmarshalJSON reads a string or an array of strings.
func (a *addresses) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = nil
		if one != "" {
			*a = addresses{one}
		}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// checkOrder returns why the window does not open for the order, or nil.
func (s *Sandbox) checkOrder(o order) *refusal {
	amount, err := o.parseAmount()
	switch {
	case !validMerchantUID(o.MerchantUID):
		return errMerchantUID
	case err != nil || amount <= 0:
		return errOrderAmount
	case o.MRedirectURL != "" && !isWebAddress(o.MRedirectURL):
		return errRedirectURL
	case len(o.NoticeURL) > maxNotices || slices.ContainsFunc(o.NoticeURL, isNoWebAddress):
		return errNoticeURL
	case utf8.RuneCountInString(string(o.CustomerUID)) > maxCustomerUID:
		return errCustomerUID
	case s.store.everPaid(o.MerchantUID):
		return errAlreadyPaid
	}
	// A registered order opens only for its amount (contract §1.7).
	if p, ok := s.findPreparation(o.MerchantUID); ok && !p.matchesOrder(amount, o.currencyOrWon()) {
		return errPrepared
	}
	return nil
}

// parseAmount returns the price. Iamport wants a number, so the text "1000" is a mistake and must
// fail here.
func (o order) parseAmount() (money, error) { return parseMoney(string(o.Amount)) }

func (o order) currencyOrWon() string { return cmp.Or(o.Currency, "KRW") }

// newPayment returns the unpaid payment of a newly opened window. With a customer_uid the payment
// issues a billing key, and the amount need not be charged: the browser decides, so a merchant must
// not take every paid payment for a purchase.
func (o order) newPayment(userAgent, channel string, now int64) Payment {
	amount, _ := o.parseAmount() // checkOrder has accepted the amount
	provider, _, _ := bytes.Cut([]byte(o.PG), []byte("."))
	usage := Text("")
	if o.CustomerUID != "" {
		usage = UsageIssue
	}
	return Payment{
		MerchantUID: o.MerchantUID, Sandbox: true, Status: Ready,
		Amount: amount.toNumber(), Currency: o.currencyOrWon(), PayMethod: truncateText(o.PayMethod, 20),
		PGProvider: truncateText(Text(provider), 16), Channel: Text(channel), Name: truncateText(o.Name, 40),
		BuyerName: truncateText(o.BuyerName, 16), BuyerEmail: truncateText(o.BuyerEmail, 64),
		BuyerTel:  truncateText(o.BuyerTel, 16),
		BuyerAddr: truncateText(o.BuyerAddr, 128), BuyerPostcode: truncateText(o.BuyerPostcode, 8),
		CustomData: o.customData(), CustomerUID: o.CustomerUID, CustomerUIDUsage: usage,
		Escrow: o.Escrow, UserAgent: truncateText(Text(userAgent), 512),
	}.withDefaults(now)
}

// customData returns custom_data as JSON text (contract §1.4).
func (o order) customData() Text {
	var text bytes.Buffer
	if len(o.CustomData) == 0 || bytes.Equal(o.CustomData, []byte("null")) || json.Compact(&text, o.CustomData) != nil {
		return ""
	}
	return Text(text.String())
}

// truncateText shortens the text to Iamport's maximum, in characters.
func truncateText(t Text, limit int) Text {
	if utf8.RuneCountInString(string(t)) <= limit {
		return t
	}
	return Text([]rune(string(t))[:limit])
}

// isWebAddress accepts complete http and https addresses: never javascript:, never a path.
func isWebAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func isNoWebAddress(address string) bool { return !isWebAddress(address) }
