package graph

import (
	"cmp"

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
	// Digital says that nothing is delivered, which NICE and Smartro ask for phone bills.
	Digital *bool
	// NaverProducts describes what is bought to NaverPay, which approves no shop without it.
	NaverProducts []NaverProduct
}

// NaverProduct is one entry of naverProducts.
type NaverProduct struct {
	CategoryType string
	CategoryID   string
	UID          string
	Name         string
	Count        int
}

// forOrder completes the shop's settings for one order, the channel of its way to pay, and its
// buyer. An empty channel means the shop's own.
func (shop Checkout) forOrder(o charge.Order, channel string, who auth.Identity) Checkout {
	shop.ChannelKey = cmp.Or(channel, shop.ChannelKey)
	shop.PayMethod = iamportPayMethod(o.PayMethod)
	shop.MerchantUID = o.MerchantUID
	shop.Name = o.Name
	shop.Amount = o.Price
	shop.Currency = o.Currency
	payer := normalizeBuyer(who)
	shop.BuyerName, shop.BuyerEmail, shop.BuyerTel = payer.Name, payer.Email, payer.Tel
	switch o.PayMethod {
	case charge.PayByPhone:
		shop.Digital = new(true)
	case charge.PayByNaverPay:
		shop.NaverProducts = []NaverProduct{{CategoryType: "ETC", CategoryID: "ETC", UID: o.ProductID, Name: o.Name, Count: 1}}
	}
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
