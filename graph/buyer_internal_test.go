package graph

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"pointcharge/internal/auth"
)

func TestABuyerIsToldAsProvidersAcceptIt(t *testing.T) {
	t.Parallel()
	const decomposed = "\u1100\u1175\u11b7\u1106\u1175\u11ab\u110c\u1175" // 김민지, as macOS writes it
	for _, test := range []struct {
		normalize  func(string) string
		text, want string
	}{
		{buyerName, "김민지", "김민지"},
		{buyerName, decomposed, "김민지"},
		{buyerName, "  Jean-Luc   O'Neill\n", "Jean-Luc O'Neill"},
		{buyerName, "Christopher Alexander", "Christopher Alex"},
		{buyerName, "가나다라마바사아자차카타파하거너더", "가나다라마바사아자차카타파하거너"},
		{buyerName, "민지🙂", "민지"},
		{buyerName, "👩‍👩‍👧", ""},
		{buyerName, "a\x00b\u202ec\ufe0f", "abc"},
		{buyerName, "<script>", "script"},
		{buyerName, "\xff\xfe", ""},
		{buyerName, "", ""},

		{buyerTel, "+82 10-1234-5678 (mobile)", "01012345678"},
		{buyerTel, "+82 (0)10 1234 5678", "01012345678"},
		{buyerTel, "+82-2-123-4567", "021234567"},
		{buyerTel, "0082 10 1234 5678", "01012345678"},
		{buyerTel, "(02) 123-4567", "021234567"},
		{buyerTel, "010.1234.5678", "01012345678"},
		{buyerTel, "1588-0000", "15880000"},
		{buyerTel, "+1 (415) 555-2671", "+14155552671"},
		{buyerTel, "+999999999999999", "+999999999999999"},
		{buyerTel, "+9999999999999999", ""},
		{buyerTel, "010-1234-5678, 010-8765-4321", ""},
		{buyerTel, "1234", ""},
		{buyerTel, "전화 없음", ""},
		{buyerTel, "", ""},

		{buyerEmail, " minji@example.com ", "minji@example.com"},
		{buyerEmail, "minji+points@mail.example.co.kr", "minji+points@mail.example.co.kr"},
		{buyerEmail, "1234", ""},
		{buyerEmail, "minji@localhost", ""},
		{buyerEmail, "minji@-example.com", ""},
		{buyerEmail, "minji@example.com, junho@example.com", ""},
		{buyerEmail, "Minji <minji@example.com>", ""},
		{buyerEmail, "민지@example.com", ""},
		{buyerEmail, "🙂@example.com", ""},
		{buyerEmail, strings.Repeat("a", 53) + "@example.com", ""},
		{buyerEmail, strings.Repeat("a", 52) + "@example.com", strings.Repeat("a", 52) + "@example.com"},
	} {
		if got := test.normalize(test.text); got != test.want {
			t.Errorf("%q becomes %q, want %q", test.text, got, test.want)
		}
	}
}

func TestWhatABuyerDoesNotTellIsLeftOut(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(buyer{}, normalizeBuyer(auth.Identity{Name: "🙂", Email: "1234", Phone: "no"})); diff != "" {
		t.Error(diff)
	}
	want := buyer{Name: new("김민지"), Email: new("m@example.com"), Tel: new("01012345678")}
	if diff := cmp.Diff(want, normalizeBuyer(auth.Identity{Name: "김민지", Email: "m@example.com", Phone: "+821012345678"})); diff != "" {
		t.Error(diff)
	}
}

func FuzzABuyerKeepsTheLimits(f *testing.F) {
	f.Add("김민지🙂", "m@example.com", "+82 10-1234-5678")
	f.Fuzz(func(t *testing.T, name, email, phone string) {
		got := []string{buyerName(name), buyerEmail(email), buyerTel(phone)}
		for i, limit := range []int{16, 64, 16} {
			if n := utf8.RuneCountInString(got[i]); n > limit || !utf8.ValidString(got[i]) {
				t.Errorf("%q has %d characters", got[i], n)
			}
		}
	})
}
