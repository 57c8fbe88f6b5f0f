package web

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAFailuresTextHasAClass(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		code, text string
		want       failReason
	}{
		{"", "", reasonNone},
		{"", " ", reasonNone},
		{"F1002", "이미 결제가 이루어진 거래건입니다.", reasonAlreadyPaid},
		{"F400", "[결제포기] 사용자가 결제를 취소하셨습니다", reasonUserCancel},
		{"PAY_PROCESS_CANCELED", "", reasonUserCancel},
		{"", "[한도초과]", reasonLimit},
		{"REJECT_CARD_PAYMENT", "한도초과 혹은 잔액부족으로 결제에 실패했습니다.", reasonLimit},
		{"", "월 이용 한도를 초과하였습니다", reasonLimit},
		{"", "[8006]잔액 부족", reasonBalance},
		{"", "비밀번호 오류", reasonWrongDetails},
		{"", "유효기간 오류", reasonWrongDetails},
		{"", "결제 시간이 초과되어 취소되었습니다", reasonTimeout},
		{"", "거래정지 카드", reasonCard},
		{"9999", "", reasonOther},
		{"", "알 수 없는 오류", reasonOther},
		{"<script>", "https://evil.example", reasonOther},
	} {
		if got := failReasonOf(test.code, test.text); got != test.want {
			t.Errorf("%s %q: %q, want %q", test.code, test.text, got, test.want)
		}
	}
}

func TestAFailuresTextCannotDisturbALog(t *testing.T) {
	t.Parallel()
	if got := failText("한도\r\nlevel=ERROR\x1b[31m\u202e\xff초과"); got != "한도  level=ERROR[31m초과" {
		t.Errorf("%q", got)
	}
	if n := utf8.RuneCountInString(failText(strings.Repeat("가", 5000))); n != maxFailText {
		t.Errorf("%d characters", n)
	}
}
