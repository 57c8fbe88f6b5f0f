package graph

import (
	"encoding/json"
	"strings"
	"unicode"

	"pointcharge/internal/auth"
	"pointcharge/internal/charge"
)

// Checkout is what IMP.init and IMP.request_pay are called with (contract §4).
type Checkout struct {
	SDKURL      string
	UserCode    string // 가맹점 식별코드
	ChannelKey  string
	PayMethod   string // in Iamport's words
	MerchantUID string
	Name        string
	Amount      int64 // won
	Currency    string
	BuyerName   *string
	BuyerEmail  *string
	BuyerTel    *string
	RedirectURL string
	NoticeURL   string
}

// forOrder completes the shop's settings for one order and its buyer.
func (shop Checkout) forOrder(o charge.Order, buyer auth.Identity) Checkout {
	shop.PayMethod = iamportPayMethod(o.PayMethod)
	shop.MerchantUID = o.MerchantUID
	shop.Name = o.Name
	shop.Amount = o.Price
	shop.Currency = o.Currency
	shop.BuyerName = printableOrNil(buyer.Name)
	shop.BuyerEmail = printableOrNil(buyer.Email)
	shop.BuyerTel = printableOrNil(buyer.Phone)
	return shop
}

// iamportPayMethod returns the pay_method of the payment window (contract §1.4).
func iamportPayMethod(m charge.PayMethod) string {
	switch m {
	case charge.PayByBankTransfer:
		return "trans"
	case charge.PayByVirtualAccount:
		return "vbank"
	case charge.PayByPhone:
		return "phone"
	case charge.PayByKakaoPay:
		return "kakaopay"
	case charge.PayByNaverPay:
		return "naverpay"
	case charge.PayByTossPay:
		return "tosspay"
	case charge.PayByPayco:
		return "payco"
	}
	return "card"
}

// maxPrintable is in bytes of JSON, where one character may take six. Real names are shorter, and a
// buyer's name is repeated with each order of a list.
const maxPrintable = 256

// printableOrNil returns nil for a text that is empty, too long, or has control characters.
func printableOrNil(text string) *string {
	encoded, err := json.Marshal(text)
	if text == "" || err != nil || len(encoded) > maxPrintable+len(`""`) || strings.ContainsFunc(text, unicode.IsControl) {
		return nil
	}
	return &text
}
