package iamport

import (
	"encoding/json"
	"math/big"

	"golang.org/x/text/currency"
)

// money converts between Iamport's amounts, decimal numbers of won or dollars, and the domain's
// amounts, whole numbers of the currency's minor unit (contract §1.4, F24).
type money struct {
	currency string // ISO 4217, upper case
	scale    int    // decimals of the major unit: KRW, JPY and VND 0, USD 2
}

func moneyIn(code string) (money, error) {
	unit, err := currency.ParseISO(code)
	if err != nil {
		return money{}, newUntrustworthy("unknown currency")
	}
	scale, _ := currency.Standard.Rounding(unit)
	return money{currency: unit.String(), scale: scale}, nil
}

// toMinorUnit reads an amount exactly. An amount below zero, finer than the currency or beyond an
// int64 cannot have been paid, so the result is an error instead of a rounded number.
func (m money) toMinorUnit(amount json.Number) (int64, error) {
	n, err := parseScaled(amount, m.scale)
	if err == nil && n < 0 {
		err = newUntrustworthy("an amount below zero")
	}
	return n, err
}

// toMajorUnit writes an amount in Iamport's unit: 1050 US cents are 10.50.
func (m money) toMajorUnit(amount int64) json.Number {
	return json.Number(new(big.Rat).SetFrac(big.NewInt(amount), powerOfTen(m.scale)).FloatString(m.scale))
}

// parseScaled returns exactly n × 10^scale. JSON may spell a whole number 5000, 5000.0 or 5e3, and
// a float64 would lose digits above 2^53.
func parseScaled(n json.Number, scale int) (int64, error) {
	if i, err := n.Int64(); err == nil && scale == 0 {
		return i, nil
	}
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return 0, newUntrustworthy("a number is missing or unreadable")
	}
	r.Mul(r, new(big.Rat).SetInt(powerOfTen(scale)))
	if !r.IsInt() || !r.Num().IsInt64() {
		return 0, newUntrustworthy("a number is too fine or too large")
	}
	return r.Num().Int64(), nil
}

func powerOfTen(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}
