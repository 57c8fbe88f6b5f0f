package point

import (
	"strconv"

	"pointcharge/internal/page"
)

// Cursor is the cursor of a line.
func Cursor(t Transaction) string { return page.EncodeCursor(strconv.FormatInt(t.Seq, 10)) }
