package graph

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"pointcharge/internal/auth"
)

// The limits of the buyer's fields, in characters (contract §1.4).
const (
	maxBuyerName  = 16
	maxBuyerEmail = 64
)

// buyer is what the payment window is told of the person who pays. A field is nil if the token does
// not tell it, or tells what a payment provider would refuse. Nobody is identified by it.
type buyer struct{ Name, Email, Tel *string }

// normalizeBuyer brings the claims of a token, which an identity provider or the person wrote, into
// the form that payment providers accept.
func normalizeBuyer(who auth.Identity) buyer {
	return buyer{Name: nilIfEmpty(buyerName(who.Name)), Email: nilIfEmpty(buyerEmail(who.Email)), Tel: nilIfEmpty(buyerTel(who.Phone))}
}

// buyerName returns the first 16 characters of a name, without emoji and other characters that
// providers' character sets lack. Decomposed Hangul, as macOS writes it, would be three times as
// long.
func buyerName(name string) string {
	kept := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r > 0xFFFF || r == unicode.ReplacementChar:
			return -1
		case unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-.,'()&·", r):
			return r
		case unicode.Is(unicode.Mn, r) && !unicode.Is(unicode.Variation_Selector, r): // accents that have no composed form
			return r
		}
		return -1
	}, norm.NFC.String(name))
	letters := []rune(strings.Join(strings.Fields(kept), " "))
	return strings.TrimSpace(string(letters[:min(len(letters), maxBuyerName)]))
}

var emailForm = regexp.MustCompile(`^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}$`)

// buyerEmail returns an address that mail can be sent to, or "".
func buyerEmail(email string) string {
	email = strings.TrimSpace(email)
	if len(email) > maxBuyerEmail || !emailForm.MatchString(email) {
		return ""
	}
	return email
}

var (
	telRemark = regexp.MustCompile(`\([^()]*[^()0-9 +-][^()]*\)`) // (mobile), but not (02)
	telForm   = regexp.MustCompile(`^\+?[0-9]{8,15}$`)
	koreaCode = regexp.MustCompile(`^(?:\+|00)820?`)
)

// buyerTel returns a phone number as it is dialled in Korea, digits only, and a foreign one with
// its country code; "" for what is no phone number. Its 16 characters are the limit of buyer_tel.
func buyerTel(phone string) string {
	digits := strings.Map(dropTelSeparator, telRemark.ReplaceAllString(phone, ""))
	digits = koreaCode.ReplaceAllString(digits, "0")
	if !telForm.MatchString(digits) {
		return ""
	}
	return digits
}

func dropTelSeparator(r rune) rune {
	if unicode.IsSpace(r) || strings.ContainsRune("-–./()", r) {
		return -1
	}
	return r
}

func nilIfEmpty(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
