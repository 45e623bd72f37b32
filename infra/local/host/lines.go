package host

import (
	"bytes"
	"io"
	"sync"
)

// lines passes on what a process prints, whole lines at a time and each with a
// prefix, so that the output of many can be told apart.
type lines struct {
	to     io.Writer
	prefix string
	mu     sync.Mutex
	rest   []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		end := bytes.IndexByte(l.rest, '\n')
		if end < 0 {
			break
		}
		l.put(l.rest[:end+1])
		l.rest = l.rest[end+1:]
	}
	if len(l.rest) > 1<<20 { // a line that never ends must not fill the memory
		l.put(append(l.rest, '\n'))
		l.rest = nil
	}
	return len(p), nil
}

// flush passes on a last line that lacks its newline.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) > 0 {
		l.put(append(l.rest, '\n'))
		l.rest = nil
	}
}

// put writes one line in one call. A log that cannot be written is no reason to
// stop a function, so its error is dropped.
func (l *lines) put(line []byte) {
	_, _ = l.to.Write(append([]byte(l.prefix), line...))
}
