package sandbox

import (
	"crypto/rand"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
)

// money is an exact amount in ten-thousandths of a currency's main unit; no currency has more than
// four decimals. Amounts are compared, so a float would not do.
type money int64

const (
	moneyDecimals = 4
	moneyUnit     = money(10_000)
	maxWhole      = 100_000_000_000_000 // keeps every sum of two amounts inside an int64
)

// Won writes an amount of won for Payment.Amount and Cancel.
func Won(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }

// parseMoney reads plain decimals such as 1000, -5 and 12.50, and refuses exponents: 1e3 is no
// price.
func parseMoney(text string) (money, error) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > moneyDecimals || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, errInvalidAmount
	}
	units, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || units > maxWhole {
		return 0, errInvalidAmount
	}
	part, _ := strconv.Atoi((fraction + "0000")[:moneyDecimals])
	sum := money(units)*moneyUnit + money(part)
	if negative {
		sum = -sum
	}
	return sum, nil
}

// toNumber writes the amount without needless zeros.
func (m money) toNumber() json.Number {
	text := new(big.Rat).SetFrac64(int64(m), int64(moneyUnit)).FloatString(moneyDecimals)
	return json.Number(strings.TrimRight(strings.TrimRight(text, "0"), "."))
}

// randomDigits returns n random decimal digits, as in Iamport's ids.
func randomDigits(n int) string {
	text := make([]byte, 0, n)
	var random [32]byte
	for len(text) < n {
		_, _ = rand.Read(random[:]) // ends the program rather than fail
		for _, b := range random {
			if b < 250 && len(text) < n { // a multiple of 10, so that all digits are equally likely
				text = append(text, '0'+b%10)
			}
		}
	}
	return string(text)
}
