package charge

import (
	"strings"
	"unicode"

	"pointcharge/internal/apierror"
)

// minNaverPay is NaverPay's least amount, in won.
const minNaverPay = 100

// PriceBelowMinimum is the reason of an InvalidArgument for a product too cheap for the way to pay.
const PriceBelowMinimum = "PRICE_BELOW_MINIMUM"

// refusedInNames are characters that end a field or a page of some provider's window.
const refusedInNames = "\"'`\\<>&|^"

// checkWindowName refuses a product's name that a payment window would refuse or garble.
func checkWindowName(name string) error {
	for _, r := range name {
		if strings.ContainsRune(refusedInNames, r) || unicode.Is(unicode.So, r) || r > 0xffff {
			return &apierror.Error{Code: apierror.InvalidArgument, Reason: "NAME_NOT_PRINTABLE_AT_PROVIDER", Argument: "name",
				Params:  map[string]any{"character": string(r)},
				Message: "name must not have the character " + string(r) + ": payment windows refuse or garble it."}
		}
	}
	return nil
}
