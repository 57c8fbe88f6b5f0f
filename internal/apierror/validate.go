package apierror

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// HasControl reports whether s has a control character or is not UTF-8.
func HasControl(s string) bool { return strings.ContainsFunc(s, isControl) }

func isControl(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }

var idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// ValidID tells whether id has the form of every id that may travel to the gateway or the database. It keeps
// queries and paths out of the gateway's addresses (contract §5, F1) and NUL out of PostgreSQL.
func ValidID(id string) bool { return idForm.MatchString(id) }

// CheckID refuses an id that is not a ValidID; name is the argument in the message.
func CheckID(name, id string) error {
	if !ValidID(id) {
		return New(InvalidArgument, "%s must be 1 to 64 letters, digits, hyphens or underscores.", name)
	}
	return nil
}

// ValidReference reports whether s is a reference: 1 to 100 bytes without control characters.
func ValidReference(s string) bool { return s != "" && len(s) <= 100 && !HasControl(s) }

// CheckUserID keeps out what no token's subject can be, and NUL, which PostgreSQL refuses.
func CheckUserID(id string) error {
	if id == "" || len(id) > 128 || HasControl(id) {
		return New(InvalidArgument, "userId must be 1 to 128 printable characters.")
	}
	return nil
}
