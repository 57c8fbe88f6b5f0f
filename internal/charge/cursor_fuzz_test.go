package charge_test

import (
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/page"
)

// FuzzCursor asks for the page after whatever a client sends: there is a page, or a refusal, and
// never a fault.
func FuzzCursor(f *testing.F) {
	s := domaintest.NewServices(databasetest.New(f, databasetest.SQLite), nil)
	for _, key := range []string{
		"", "1", "-1", "9223372036854775807", "9223372036854775808", "0x1", "1e3", " 1", "01a203e8-0708-73fc-9be5-8ac2bc8a15a9",
		"2026-11-22T05:30:00.123456Z MASW7JDDOAWPQW6KMYZGTVMHQ6", "0000-01-01T00:00:00Z a", "9999-12-31T23:59:59.999999999+23:59 a",
		"2026-11-22T05:30:00Z ", "2026-11-22T05:30:00Z a b", "\x00", "'; DROP TABLE wallets; --", "\xff\xfe",
	} {
		f.Add(key, page.EncodeCursor(key))
	}
	f.Fuzz(func(t *testing.T, key, cursor string) {
		if got := page.DecodeCursor(page.EncodeCursor(key)); got != key {
			t.Fatalf("%q became %q", key, got)
		}
		for _, after := range []string{cursor, page.EncodeCursor(key)} {
			page := page.Request{First: 1, After: &after}
			_, lines := s.Transactions(t.Context(), "minji", page, nil)
			_, orders := s.Orders(t.Context(), "minji", page)
			_, lots := s.Lots(t.Context(), "minji", page)
			for list, err := range map[string]error{"transactions": lines, "orders": orders, "lots": lots} {
				if err != nil && apierror.CodeOf(err) != apierror.InvalidArgument {
					t.Fatalf("%s after %q: %v", list, after, err)
				}
			}
		}
	})
}
