package apierror

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckText refuses a text that does not have least to most printable characters; name is the
// input's.
func CheckText(name, text string, least, most int) error {
	if n := utf8.RuneCountInString(text); least <= n && n <= most && !HasControl(text) {
		return nil
	}
	amount := fmt.Sprintf("%d to %d", least, most)
	switch least {
	case 0:
		amount = fmt.Sprintf("at most %d", most)
	case 1:
		amount = fmt.Sprintf("1 to %d", most)
	}
	return limited(name, int64(most), "%s must be %s printable characters.", name, amount)
}

// CheckAmount refuses a number outside least and most; unit is what the number counts, such as
// "won".
func CheckAmount(name string, n, least, most int64, unit string) error {
	if least <= n && n <= most {
		return nil
	}
	return limited(name, most, "%s must be from %d to %d %s.", name, least, most, unit)
}

// limited returns an Error InvalidArgument that carries the bound which the input broke.
func limited(name string, limit int64, format string, args ...any) error {
	return &Error{Code: InvalidArgument, Argument: name, Params: map[string]any{ParamLimit: limit},
		Message: fmt.Sprintf(format, args...)}
}

// maxReference is the longest reference of a caller's request. A reference is a key of an index.
const maxReference = 100

// CheckReference refuses a reference that is empty, too long or not printable.
func CheckReference(name, reference string) error { return CheckText(name, reference, 1, maxReference) }

// HasControl tells whether the text has an unprintable character, or is not UTF-8. Characters for
// the direction of writing count as well, because a line of a log or a list would read as another.
// PostgreSQL refuses NUL.
func HasControl(text string) bool { return strings.ContainsFunc(text, isControl) }

// Printable returns the first characters of a text from outside, at most most of them, for a log
// or a row. A space stands in the place of each unprintable character.
func Printable(text string, most int) string {
	runes := []rune(text)
	if len(runes) > most {
		runes = append(runes[:most], '…')
	}
	for i, r := range runes {
		if isControl(r) {
			runes[i] = ' '
		}
	}
	return string(runes)
}

func isControl(r rune) bool {
	return r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}

var (
	idForm     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	userIDForm = regexp.MustCompile(`^[!-~]{1,128}$`)
)

// ValidID tells whether id has the form of all ids sent to the gateway or the database. The form
// keeps queries and paths out of the gateway's addresses (contract §5, F1).
func ValidID(id string) bool { return idForm.MatchString(id) }

// CheckID refuses an id unless ValidID. name is the name of the input.
func CheckID(name, id string) error {
	if !ValidID(id) {
		return Invalid(name, "%s must be 1 to 64 letters, digits, hyphens or underscores.", name)
	}
	return nil
}

// ValidUserID tells whether id can be the sub of a token: 1 to 128 characters of printable ASCII
// without spaces.
func ValidUserID(id string) bool { return userIDForm.MatchString(id) }

// CheckUserID refuses an id unless ValidUserID: no token could ever open that wallet.
func CheckUserID(id string) error {
	if !ValidUserID(id) {
		return Invalid("userId", "userId must be 1 to 128 characters of printable ASCII without spaces.")
	}
	return nil
}
