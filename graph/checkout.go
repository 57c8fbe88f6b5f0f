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

// checkout is the shop's own settings, completed for one order and its buyer.
func (shop Checkout) checkout(o point.Order, buyer auth.Identity) Checkout {
	shop.PayMethod = iamportWord(o.PayMethod)
	shop.MerchantUID = o.MerchantUID
	shop.Name = o.Name
	shop.Amount = o.Price
	shop.Currency = o.Currency
	shop.BuyerName = told(buyer.Name)
	shop.BuyerEmail = told(buyer.Email)
	shop.BuyerTel = told(buyer.Phone)
	return shop
}

// iamportWord is the pay_method of the payment window (contract §1.4).
func iamportWord(m point.PayMethod) string {
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

// maxTold is in bytes of JSON, where one character may take six. Nobody's name is longer, and it
// comes back with each order of a list.
const maxTold = 256

func told(s string) *string {
	written, err := json.Marshal(s)
	if s == "" || err != nil || len(written) > maxTold+len(`""`) || strings.ContainsFunc(s, unicode.IsControl) {
		return nil
	}
	return &s
}
