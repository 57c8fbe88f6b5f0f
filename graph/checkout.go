package graph

import (
	"encoding/json"
	"strings"
	"unicode"

	"pointcharge/internal/auth"
	"pointcharge/internal/point"
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
func (shop Checkout) forOrder(o point.Order, buyer auth.Identity) Checkout {
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
func iamportPayMethod(m point.PayMethod) string {
	switch m {
	case point.PayByBankTransfer:
		return "trans"
	case point.PayByVirtualAccount:
		return "vbank"
	case point.PayByPhone:
		return "phone"
	case point.PayByKakaoPay:
		return "kakaopay"
	case point.PayByNaverPay:
		return "naverpay"
	case point.PayByTossPay:
		return "tosspay"
	case point.PayByPayco:
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
