package apierror_test

import (
	"strings"
	"testing"

	"pointcharge/internal/apierror"
)

func TestTextsArePrintableAndOfTheirLength(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{
		"":                      false,
		"가":                     true,
		strings.Repeat("가", 10): true,
		strings.Repeat("가", 11): false,
		"👨‍👩‍👧":                 true, // joined with U+200D
		"a\x00":                 false,
		"a\nb":                  false,
		"a\u0085b":              false,
		"a\u2028b":              false,
		"\u202egpj.exe":         false,
		"\u2066x":               false,
		"\u200fx":               false,
		"\xff":                  false,
	} {
		err := apierror.CheckText("reason", text, 1, 10)
		if (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
		if limit, _ := apierror.Param[int64](err, apierror.ParamLimit); err != nil && limit != 10 {
			t.Errorf("%q: the limit is %d", text, limit)
		}
	}
	if err := apierror.CheckText("description", "", 0, 10); err != nil {
		t.Error(err)
	}
	if err := apierror.CheckText("code", "1", 2, 10); err == nil || err.Error() != "INVALID_ARGUMENT: code must be 2 to 10 printable characters." {
		t.Error(err)
	}
}

func TestD16UserIDsAreWhatTokensHave(t *testing.T) {
	t.Parallel()
	for id, good := range map[string]bool{
		"minji": true, "auth0|5f7c": true, "1": true, strings.Repeat("a", 128): true,
		"": false, strings.Repeat("a", 129): false, "a b": false, "민지": false, "a\n": false, "a\x7f": false,
	} {
		if err := apierror.CheckUserID(id); (err == nil) != good {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestAmountsNameTheirBound(t *testing.T) {
	t.Parallel()
	for n, good := range map[int64]bool{0: false, 1: true, 5: true, 6: false, -1: false} {
		err := apierror.CheckAmount("amount", n, 1, 5, "won")
		if (err == nil) != good {
			t.Errorf("%d: %v", n, err)
		}
		if limit, _ := apierror.Param[int64](err, apierror.ParamLimit); err != nil && limit != 5 {
			t.Errorf("%d: the limit is %d", n, limit)
		}
	}
}
