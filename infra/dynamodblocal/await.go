package dynamodblocal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// await returns when the engine answers HTTP: with a 400, since the question
// carries no signature, but nothing answers before it can serve.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if answers(ctx, s.Endpoint) {
			return nil
		}
		select {
		case <-s.ended:
			return errors.New("it ended before it answered")
		case <-ctx.Done():
			return fmt.Errorf("it did not answer in time: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func answers(ctx context.Context, endpoint string) bool {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return false
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return false
	}
	_ = a.Body.Close()
	return true
}

// freePort asks the kernel for a port that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// A tail remembers the end of what the engine prints, which is the only
// explanation there is when it does not come up. Once it is up (and its banner
// printed) what it prints is worth reading and passed on.
type tail struct {
	to   io.Writer
	mu   sync.Mutex
	text []byte
	up   bool
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - 2000; over > 0 {
		t.text = t.text[over:]
	}
	if t.up {
		_, _ = t.to.Write(p) // a log that cannot be written must not stop the engine
	}
	return len(p), nil
}

func (t *tail) passOn() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.up = true
}

func (t *tail) explain() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(string(t.text))
	if strings.Contains(text, "UnsupportedClassVersionError") {
		return ": this Java is too old: " + mendJava
	}
	if text == "" {
		return ""
	}
	return "; it printed:\n" + text
}
