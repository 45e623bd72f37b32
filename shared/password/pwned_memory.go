package password

import (
	"container/list"
	"sync"
)

// maxRemembered is how many ranges an instance remembers: some 5 MB.
const maxRemembered = 128

// memory remembers the ranges that were used last.
type memory struct {
	mu     sync.Mutex
	ranges map[string]*list.Element
	order  *list.List // of remembered, the last used first
}

type remembered struct {
	prefix string
	r      *Range
}

func newMemory() *memory {
	return &memory{ranges: map[string]*list.Element{}, order: list.New()}
}

// get returns the range with a prefix, or nil.
func (m *memory) get(prefix string) *Range {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, known := m.ranges[prefix]
	if !known {
		return nil
	}
	m.order.MoveToFront(at)
	return at.Value.(remembered).r
}

func (m *memory) put(prefix string, r *Range) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, known := m.ranges[prefix]; known {
		at.Value = remembered{prefix, r}
		m.order.MoveToFront(at)
		return
	}
	m.ranges[prefix] = m.order.PushFront(remembered{prefix, r})
	if m.order.Len() > maxRemembered {
		oldest := m.order.Back()
		delete(m.ranges, oldest.Value.(remembered).prefix)
		m.order.Remove(oldest)
	}
}
