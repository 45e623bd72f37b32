package snowflaketest

// limit is how many entries are kept of a kind.
const limit = 1 << 14

// recent keeps the entries that were put last, so that a double which runs for
// days does not grow.
type recent[V any] struct {
	byKey map[string]V
	order []string // of the keys as they were put
}

func (r *recent[V]) put(key string, v V) {
	if r.byKey == nil {
		r.byKey = map[string]V{}
	}
	r.byKey[key] = v
	r.order = append(r.order, key)
	if len(r.order) > limit {
		delete(r.byKey, r.order[0])
		r.order = r.order[1:]
	}
}

func (r *recent[V]) get(key string) (V, bool) {
	v, ok := r.byKey[key]
	return v, ok
}

func (r *recent[V]) drop(key string) { delete(r.byKey, key) }
