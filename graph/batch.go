package graph

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"pointcharge/internal/gqlguard"
)

// batch is what one field reads for all objects of a page. The first object that is asked for the
// field reads it for the others, too, and they wait for it.
type batch[T any] struct {
	once  sync.Once
	value T
	err   error
}

// errPanicked is the error of the others when the read panicked: the first object reports the
// panic.
var errPanicked = errors.New("the read of the page panicked")

// get returns what read returned the first time. All objects of a page belong to one operation, so
// it does not matter whose context the read has.
func (b *batch[T]) get(ctx context.Context, read func(context.Context) (T, error)) (T, error) {
	b.once.Do(func() {
		b.err = errPanicked
		end, err := gqlguard.BeginLookup(ctx)
		if err != nil {
			b.err = err
			return
		}
		defer end()
		b.value, b.err = read(ctx)
	})
	if shared, ok := errors.AsType[*gqlerror.Error](b.err); ok {
		own := *shared // gqlgen writes each field's location into its error
		return b.value, &own
	}
	return b.value, b.err
}

// maxKeys is how many keys one statement may name. The lists of a page have up to 5,000 entries.
const maxKeys = 1000

// readInParts calls read with each key once, at most maxKeys of them at a time.
func readInParts[T any](keys []string, read func(keys []string) (map[string]T, error)) (map[string]T, error) {
	found := make(map[string]T, len(keys))
	slices.Sort(keys)
	for part := range slices.Chunk(slices.Compact(keys), maxKeys) {
		rows, err := read(part)
		if err != nil {
			return nil, err
		}
		for key, row := range rows {
			found[key] = row
		}
	}
	return found, nil
}
