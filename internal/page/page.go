// Package page has the pages of the API: Relay connections and their cursors.
package page

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
)

// maxPage is the largest page that a caller may ask for.
const maxPage = 100

// Request asks for a part of a list: the First so many after the cursor After, or from the start.
type Request struct {
	First int
	After *string
}

// Connection is a page of a list, with a cursor for each node.
type Connection[T any] struct {
	Edges    []Edge[T]
	PageInfo Info
}

// Edge is a node with a cursor.
type Edge[T any] struct {
	Cursor string
	Node   T
}

// Info says where a page begins and ends. Relay's compiler refuses a connection without all four
// fields. HasPreviousPage is true for a page after a cursor: the cursor's own row stands before it.
type Info struct {
	HasNextPage, HasPreviousPage bool
	StartCursor, EndCursor       *string
}

// Read reads one row more than asked for, to know whether there is more without counting.
func Read[T any](ctx context.Context, q gorm.ChainInterface[T], page Request, key func(T) string) (c Connection[T], err error) {
	if page.First < 1 || page.First > maxPage {
		return c, apierror.New(apierror.InvalidArgument, "first must be from 1 to %d.", maxPage)
	}
	rows, err := q.Limit(page.First + 1).Find(ctx)
	if err != nil {
		return c, fmt.Errorf("read page: %w", err)
	}
	c.PageInfo.HasNextPage, c.PageInfo.HasPreviousPage = len(rows) > page.First, page.After != nil
	for _, row := range rows[:min(len(rows), page.First)] {
		c.Edges = append(c.Edges, Edge[T]{Cursor: EncodeCursor(key(row)), Node: row})
	}
	if n := len(c.Edges); n > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.Edges[0].Cursor, &c.Edges[n-1].Cursor
	}
	return c, nil
}

// EncodeCursor makes an opaque cursor: clients must not build cursors.
func EncodeCursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// DecodeCursor returns the key of a cursor, or an empty string for malformed text.
func DecodeCursor(cursor string) string {
	key, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return ""
	}
	return string(key)
}

// CutCursor returns the two parts of a cursor that was made of them with a space between.
func CutCursor(cursor string) (before, after string, err error) {
	before, after, found := strings.Cut(DecodeCursor(cursor), " ")
	if !found {
		return "", "", errors.New("a cursor without two parts")
	}
	return before, after, nil
}
