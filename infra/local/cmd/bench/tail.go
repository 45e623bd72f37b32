package main

import (
	"slices"
	"sync"
)

// tail keeps the end of what was written to it: the functions log every report,
// and only what they said before something went wrong is of interest.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// tailSize is how much is kept, in bytes.
const tailSize = 2 << 10

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

// last returns what is kept, which may begin in the middle of a line.
func (t *tail) last() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.text)
}
