package point

import (
	"strconv"

	"pointcharge/internal/page"
)

// Cursor is the cursor of a line.
func Cursor(t Transaction) string { return page.EncodeCursor(strconv.FormatInt(t.Seq, 10)) }

// TakeOwn returns how many points takeOwn takes from each lot, and how many are missing.
func TakeOwn(own []Lot, share Share, n int64) (taken map[string]int64, missing int64) {
	parts, missing := takeOwn(own, share, n)
	taken = map[string]int64{}
	for _, part := range parts {
		taken[part.LotID] += part.Amount
	}
	return taken, missing
}
