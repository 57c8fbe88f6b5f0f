package fault

// bounded is a map with a limit: a full map forgets the oldest key. bounded does not lock.
type bounded[V any] struct {
	limit int
	items map[string]V
	keys  []string // oldest first
}

func newBounded[V any](limit int) *bounded[V] {
	return &bounded[V]{limit: limit, items: map[string]V{}}
}

func (b *bounded[V]) get(key string) (V, bool) {
	v, ok := b.items[key]
	return v, ok
}

func (b *bounded[V]) put(key string, v V) {
	if _, known := b.items[key]; !known {
		if len(b.keys) >= b.limit {
			delete(b.items, b.keys[0])
			b.keys = b.keys[1:]
		}
		b.keys = append(b.keys, key)
	}
	b.items[key] = v
}
