package point

import "strconv"

// Cursor is the cursor of a line.
func Cursor(t Transaction) string { return encodeCursor(strconv.FormatInt(t.Seq, 10)) }
