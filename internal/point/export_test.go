package point

import (
	"strconv"
	"time"
)

// Cursor is the cursor of a line.
func Cursor(t Transaction) string { return encodeCursor(strconv.FormatInt(t.Seq, 10)) }

// Periods cuts a period as Reconcile does, into pairs of from and to.
func Periods(from, to, now time.Time) (cut [][2]time.Time) {
	for _, p := range periods(from, to, now) {
		cut = append(cut, [2]time.Time{p.from, p.to})
	}
	return cut
}

// EncodeCursor and DecodeCursor are what clients must not do themselves.
func EncodeCursor(key string) string    { return encodeCursor(key) }
func DecodeCursor(cursor string) string { return decodeCursor(cursor) }
