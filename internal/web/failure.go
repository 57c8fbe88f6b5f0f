package web

import (
	"strings"
	"unicode"
)

// A failReason is the reason of a failed payment, from the closed list of words for the front end.
// Iamport passes the providers' codes and texts on, in a query open to forgery, so the text only
// goes to the log.
type failReason string

const (
	reasonNone         failReason = "" // the query gives none
	reasonUserCancel   failReason = "USER_CANCELLED"
	reasonLimit        failReason = "LIMIT_EXCEEDED"
	reasonBalance      failReason = "INSUFFICIENT_BALANCE"
	reasonCard         failReason = "CARD_REFUSED"
	reasonWrongDetails failReason = "WRONG_DETAILS"
	reasonTimeout      failReason = "TIMED_OUT"
	reasonAlreadyPaid  failReason = "ALREADY_PAID"
	reasonOther        failReason = "OTHER"
)

// maxFailText is in characters. The providers' texts are shorter.
const maxFailText = 200

// failReasonOf classifies a code and a text. F1002 is Iamport's own code (contract §1.2). The other
// codes are Toss Payments', also used by the sandbox. Texts are matched by words common to several
// providers, without spaces, because the providers space the words differently.
func failReasonOf(code, text string) failReason {
	switch code {
	case "F1002":
		return reasonAlreadyPaid
	case "PAY_PROCESS_CANCELED", "USER_CANCEL":
		return reasonUserCancel
	}
	compact := strings.Join(strings.Fields(text), "")
	for _, known := range []struct {
		reason failReason
		words  []string
	}{
		{reasonAlreadyPaid, []string{"이미결제"}},
		{reasonLimit, []string{"한도초과", "한도를초과"}},
		{reasonBalance, []string{"잔액부족", "잔액이부족", "잔액이모자"}},
		{reasonTimeout, []string{"시간초과", "시간이초과", "시간만료", "시간이만료", "타임아웃"}},
		{reasonWrongDetails, []string{"비밀번호", "유효기간", "카드번호", "인증실패", "인증에실패", "CVC"}},
		{reasonCard, []string{"거래정지", "정지카드", "정지된카드", "분실", "도난", "사용할수없는카드", "카드사거절", "카드사에서거절", "승인거절"}},
		{reasonUserCancel, []string{"결제포기", "사용자취소", "사용자에의해", "취소하셨습니다", "취소하였습니다", "고객취소"}},
	} {
		for _, word := range known.words {
			if strings.Contains(compact, word) {
				return known.reason
			}
		}
	}
	if code == "" && compact == "" {
		return reasonNone
	}
	return reasonOther
}

// failText returns the beginning of a text in a form that cannot disturb a log.
func failText(text string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == unicode.ReplacementChar || !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
	letters := []rune(clean)
	return string(letters[:min(len(letters), maxFailText)])
}
