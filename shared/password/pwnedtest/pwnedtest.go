// Package pwnedtest is a double of Have I Been Pwned's range API, for tests and
// the local stack. It answers as the API does, with padding, and can be told to
// misbehave in the ways that such a service does.
package pwnedtest

import (
	"crypto/sha1" //nolint:gosec // as the API has it
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Mischief is a way to misbehave.
type Mischief string

// The ways to misbehave.
const (
	None     Mischief = ""
	Down     Mischief = "down"     // every request is answered 503
	Flaky    Mischief = "flaky"    // every second one is
	Busy     Mischief = "busy"     // 429
	Refusing Mischief = "refusing" // 403, as to a caller it does not want
	Slow     Mischief = "slow"     // the answer comes after Delay
	Dripping Mischief = "dripping" // the answer begins at once and never ends
	Huge     Mischief = "huge"     // well-formed rows without end
	Cut      Mischief = "cut"      // the connection breaks off half-way
	Moved    Mischief = "moved"    // a redirect to a place that says that nothing is breached
	Page     Mischief = "page"     // 200 and a page of HTML, as from a proxy that wants a sign-in
	Empty    Mischief = "empty"    // 200 and nothing
	Odd      Mischief = "odd"      // right, but with every oddity that was seen in the wild
)

// Delay is how late a slow answer comes.
const Delay = 5 * time.Second

// Double is the API. The zero value knows no password.
type Double struct {
	mu       sync.Mutex
	known    map[string]map[string]int // counts by the ends of hashes, by their beginnings
	mischief Mischief
	requests []Request
}

// Request is what a caller asked for.
type Request struct {
	Path      string
	Padded    bool
	UserAgent string
	Header    http.Header
}

// New returns a double that knows some of the passwords that everybody knows.
func New() *Double {
	d := &Double{}
	for password, times := range map[string]int{
		"password": 52_256_179, "123456": 209_972_844, "qwerty": 22_390_492, "letmein": 812_503,
		"Password1!": 61_734, "correcthorsebatterystaple": 384, "correct horse battery staple": 4_621,
	} {
		d.Know(password, times)
	}
	return d
}

// Know makes a password one that was breached so many times. With 0 it is a row
// of padding, which must not be taken for a breach.
func (d *Double) Know(password string, times int) {
	sum := sha1.Sum([]byte(password)) //nolint:gosec // as the API has it
	text := strings.ToUpper(hex.EncodeToString(sum[:]))
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil {
		d.known = map[string]map[string]int{}
	}
	if d.known[text[:5]] == nil {
		d.known[text[:5]] = map[string]int{}
	}
	d.known[text[:5]][text[5:]] = times
}

// Misbehave makes all further answers bad in one way, or good again by None. It
// says whether there is such a way.
func (d *Double) Misbehave(m Mischief) bool {
	switch m {
	case None, Down, Flaky, Busy, Refusing, Slow, Dripping, Huge, Cut, Moved, Page, Empty, Odd:
	default:
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mischief = m
	return true
}

// Requests lists what was asked for so far, in order.
func (d *Double) Requests() []Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Request(nil), d.requests...)
}

var rangePath = regexp.MustCompile(`^/range/([0-9A-F]{5})$`)

// ServeHTTP implements http.Handler.
func (d *Double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request := Request{
		Path: r.URL.Path, Padded: r.Header.Get("Add-Padding") == "true", UserAgent: r.UserAgent(), Header: r.Header.Clone(),
	}
	d.mu.Lock()
	d.requests = append(d.requests, request)
	number, mischief := len(d.requests), d.mischief
	d.mu.Unlock()
	asked := rangePath.FindStringSubmatch(r.URL.Path)
	switch {
	case request.UserAgent == "":
		http.Error(w, "Please send a User-Agent header.", http.StatusForbidden)
	case r.Method != http.MethodGet || asked == nil:
		http.Error(w, "The hash prefix was not in a valid format", http.StatusBadRequest)
	case mischief == Flaky && number%2 == 1:
		http.Error(w, "", http.StatusServiceUnavailable)
	default:
		d.misbehave(w, r, mischief, d.rows(asked[1], request.Padded, mischief == Odd))
	}
}

// misbehave answers with a body, or spoils the answer.
func (d *Double) misbehave(w http.ResponseWriter, r *http.Request, m Mischief, body []byte) {
	w.Header().Set("Content-Type", "text/plain")
	status := map[Mischief]int{
		Down: http.StatusServiceUnavailable, Busy: http.StatusTooManyRequests, Refusing: http.StatusForbidden, Moved: http.StatusFound,
	}[m]
	if status != 0 {
		w.Header().Set("Location", "/range/00000")
		w.WriteHeader(status)
		return
	}
	switch m { //nolint:exhaustive // the others are dealt with or change nothing
	case Slow:
		if !wait(r, Delay) {
			return
		}
	case Dripping:
		for at := 0; wait(r, 50*time.Millisecond); at = (at + 8) % (len(body) - 8) {
			_, _ = w.Write(body[at : at+8])
			flush(w)
		}
		return
	case Huge:
		for range 1 << 10 { // 40 MB at most, if somebody reads it all
			if _, err := w.Write(append(body, "\r\n"...)); err != nil {
				return
			}
		}
		return
	case Cut:
		w.Header().Set("Content-Length", fmt.Sprint(2*len(body)))
	case Page:
		w.Header().Set("Content-Type", "text/html")
		body = []byte("<!doctype html><title>Sign in</title>\n<p>Please sign in to use this network: 0:0\n")
	case Empty:
		body = nil
	}
	_, _ = w.Write(body)
}

// wait says whether a time went by before the caller hung up.
func wait(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}

func flush(w http.ResponseWriter) {
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

// rows returns the rows of a range, in the order of the hashes: real ones, as
// many as the API has, and padding.
func (d *Double) rows(prefix string, padded, odd bool) []byte {
	random := newRows(prefix)
	known := map[string]int{}
	for range 700 {
		known[random.suffix()] = 1 + random.IntN(40)
	}
	if padded {
		for range 300 {
			known[random.suffix()] = 0
		}
	}
	d.mu.Lock()
	for suffix, times := range d.known[prefix] {
		if times > 0 || padded {
			known[suffix] = times
		}
	}
	d.mu.Unlock()
	return write(known, odd)
}

// rowsOf makes the same rows for a range every time.
type rowsOf struct{ *rand.Rand }

func newRows(prefix string) rowsOf {
	seed := sha1.Sum([]byte(prefix)) //nolint:gosec // a seed
	return rowsOf{rand.New(rand.NewPCG(binary.BigEndian.Uint64(seed[:]), 1))}
}

func (r rowsOf) suffix() string {
	return fmt.Sprintf("%016X%016X%03X", r.Uint64(), r.Uint64(), r.IntN(1<<12))
}
